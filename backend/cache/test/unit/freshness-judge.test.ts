// The freshness checker's judge: it excuses what the guarantees excuse, and nothing more.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import type { StoreChange, StoreConnection } from "../../freshness/checked-protocol.js";
import { isReadFromSecond, ONE_SERVER, type Servers } from "../../freshness/excuses.js";
import { Judge, type Violation } from "../../freshness/judge.js";

const [OLD, NEW] = [7001, 7002];
/** The old master answers again from 100 to 200, after its replacement. */
const SPLIT: Servers = {
  lostMarksAtMs: 90,
  wasSecondMaster: (port, fromMs, toMs) => port === OLD && fromMs <= 200 && toMs >= 100,
};

const endWrite = (port: number, sentAtMs: number, more: Partial<StoreChange> = {}): StoreChange => ({
  what: "endWrite",
  port,
  sentAtMs,
  endedAtMs: sentAtMs + 1,
  ...more,
});
const mark = (sentAtMs: number, port = OLD): StoreChange => ({
  ...endWrite(port, sentAtMs),
  what: "beginWrite",
});
const body = (version: number) => ({
  tenant: "t",
  url: "/u",
  rows: [{ tenant: "t", module: "m", version }],
});

function judging(servers: Servers, { strict = false, isExcused = false, leaseMs = 0 } = {}) {
  const asked: Violation[] = [];
  const judge = new Judge(
    strict,
    servers,
    async (violation) => {
      asked.push(violation);
      return isExcused;
    },
    leaseMs,
  );
  return {
    judge,
    asked,
    write(changes: readonly StoreChange[], isDeferred: boolean, epoch = 0) {
      const record = { epoch, isDeferred, changes };
      judge.acknowledge(body(1), { process: "writer", sentAtMs: 0, answeredAtMs: 150, record });
    },
    /** A read that shows the state before the write. */
    async staleRead(process: string, reachedAtMs = 165) {
      const expected = judge.expect("t", "/u", ["m"], process, 160);
      const filled = { process, fromMs: 1, toMs: 2 };
      judge.judge(expected, { body: body(0), cacheStatus: "hit", filled, reachedAtMs, atMs: 170 });
      await judge.settled();
      return judge.violations;
    },
  };
}

describe("what the judge of the freshness checker excuses", () => {
  test("nothing of a confirmed write", async () => {
    const { write, staleRead, asked } = judging(ONE_SERVER);
    write([endWrite(NEW, 120)], false);
    assert.equal(await staleRead("other"), 1);
    assert.equal(asked[0]?.write?.write?.record?.changes[0]?.port, NEW, "the violation names the write");
  });

  test("a deferred write, through other processes, until it has been replayed", async () => {
    const { write, staleRead, judge } = judging(ONE_SERVER);
    write([], true);
    assert.equal(await staleRead("other"), 0);
    assert.equal(judge.excused, 1);
    assert.equal(await staleRead("writer"), 1);
    judge.recovered("writer", 1);
    assert.equal(await staleRead("other"), 2);
  });

  test("a deferred write, not through a process that has not reached Redis since the read began", async () => {
    const { write, staleRead } = judging(ONE_SERVER);
    write([], true);
    assert.equal(await staleRead("other", 159), 1);
    assert.equal(await staleRead("other", 160), 1);
  });

  test("the same of leased lists, not beyond the lease that it has had from Redis", async () => {
    const { write, staleRead } = judging(ONE_SERVER, { leaseMs: 20 });
    write([], true);
    assert.equal(await staleRead("other", 141), 0);
    assert.equal(await staleRead("other", 139), 1);
  });

  test("a deferred write whose replay was told before its answer arrived: nothing", async () => {
    const { write, staleRead, judge } = judging(ONE_SERVER);
    judge.recovered("writer", 1);
    write([], true, 0);
    assert.equal(await staleRead("other"), 1);
  });

  test("a deferred write whose mark stands for it: nothing, unless marks were lost since", async () => {
    const kept = judging(SPLIT);
    kept.write([mark(95)], true);
    assert.equal(await kept.staleRead("other"), 1, "set after marks were lost last");
    const lost = judging(SPLIT);
    lost.write([mark(80)], true);
    assert.equal(await lost.staleRead("other"), 0, "lost with its master");
  });

  test("a write that a replaced master confirmed, until its process has left that", async () => {
    const { write, staleRead, judge } = judging(SPLIT);
    write([endWrite(OLD, 120)], false);
    assert.equal(await staleRead("other"), 0);
    assert.equal(await staleRead("writer"), 1, "its own reads are of the same server");
    judge.recovered("writer", 1);
    assert.equal(await staleRead("other"), 2);
  });

  test("not where the process had been told, nor before the old master answered again, nor on the new one", async () => {
    for (const change of [endWrite(OLD, 120, { toldAtMs: 110 }), endWrite(OLD, 90), endWrite(NEW, 120)]) {
      const { write, staleRead } = judging(SPLIT);
      write([change], false);
      assert.equal(await staleRead("other"), 1, JSON.stringify(change));
    }
  });

  test("nothing where the stage is strict", async () => {
    const { write, staleRead } = judging(SPLIT, { strict: true });
    write([endWrite(OLD, 120)], true);
    assert.equal(await staleRead("other"), 1);
  });

  test("a read that its process excuses afterwards", async () => {
    const { write, staleRead, judge } = judging(ONE_SERVER, { isExcused: true });
    write([endWrite(NEW, 120)], false);
    assert.equal(await staleRead("other"), 0);
    assert.equal(judge.excused, 1);
  });
});

describe("a read of a replaced master", () => {
  const read = { fromMs: 150, toMs: 160 };
  const excused = (connection: StoreConnection) => isReadFromSecond([connection], read, SPLIT);

  test("is excused in a process that had not been told", () => {
    assert.ok(excused({ port: OLD, fromMs: 0 }));
    assert.ok(excused({ port: OLD, fromMs: 0, toldAtMs: 155 }), "told while it was under way");
  });

  test("is not where it had been told, had left, or has connected to the new one", () => {
    assert.ok(!excused({ port: OLD, fromMs: 0, toldAtMs: 140 }));
    assert.ok(!excused({ port: OLD, fromMs: 0, toMs: 149 }));
    assert.ok(!excused({ port: NEW, fromMs: 0 }));
  });
});
