// The direct connection: used where it can be, replaced where it fails, and never needed.
import assert from "node:assert/strict";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { startRedisServer, startTcpProxy } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect as connectStore } from "../../src/store/redis/connect.js";
import { DirectConnectionLost } from "../../src/store/redis/direct-connection.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { answer, answered, isUsable, mget, openDirect as open, RETRY_MS } from "../support/direct-reads.js";
import { redisOfFile } from "../support/redis-of-file.js";

const BODY = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));

/** Of what is never answered where it fails: a server that is held up is taken for silent, too. */
const RETRIES = 10;

/** What a stream calls to have the system write. */
type Writing = Record<"_write" | "_writev", (...args: unknown[]) => unknown>;

describe("the direct connection", () => {
  const ofFile = redisOfFile(async (admin) => {
    await admin.set("body", BODY);
    await admin.set("text", "a fence");
  });

  /** Commands of this kind that the server has been asked so far. */
  async function asked(command: string): Promise<number> {
    const stats = await ofFile.admin.info("commandstats");
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  }

  test("reads as either major of ioredis connects it, and what it has read stays", async () => {
    for (const Client of [Redis, Redis5]) {
      const reads = open(ofFile.server.url, Client);
      const many = await Promise.all(
        Array.from({ length: 20 }, () => answer(reads, ["text", "none", "body"], 2)),
      );
      await answer(reads, ["none"], 1);
      for (const values of many) assert.deepEqual(values, ["a fence", null, BODY]);
      reads.close();
    }
  });

  test("what is asked in one step leaves in one write", async () => {
    const reads = open(ofFile.server.url);
    await answer(reads, ["text"], 1);
    const writing = net.Socket.prototype as unknown as Writing;
    const { _write, _writev } = writing;
    let writes = 0;
    const counted = (write: Writing["_write"]): Writing["_write"] =>
      function (this: unknown, ...args) {
        writes++;
        return Reflect.apply(write, this, args);
      };
    Object.assign(writing, { _write: counted(_write), _writev: counted(_writev) });
    try {
      const all = await answered(reads, () => {
        writes = 0;
        return Promise.all(Array.from({ length: 20 }, () => mget(reads, ["text"], 1)));
      });
      for (const values of all) assert.deepEqual(values, ["a fence"]);
    } finally {
      Object.assign(writing, { _write, _writev });
    }
    // Other connections may have written, too.
    assert.ok(writes > 0 && writes < 10, String(writes));
    reads.close();
  });

  test("reads over TLS", async () => {
    const front = await startTcpProxy(ofFile.server.port, { speaksTls: true });
    const reads = open(`rediss://127.0.0.1:${front.port}`, Redis, { tls: { rejectUnauthorized: false } });
    assert.deepEqual(await answer(reads, ["text", "body"], 1), ["a fence", BODY]);
    reads.close();
    await front.close();
  });

  test("an error of the server is the answer to the one who asked", async () => {
    await ofFile.admin.call(
      "ACL",
      "SETUSER",
      "reader",
      "on",
      ">secret",
      "~text",
      "&*",
      "+mget",
      "+info",
      "+client",
    );
    const reads = open(`redis://reader:secret@${ofFile.server.host}:${ofFile.server.port}`);
    const [allowed, refused, later] = await Promise.allSettled([
      answer(reads, ["text"], 1),
      answer(reads, ["body"], 0),
      answer(reads, ["text"], 1),
    ]);
    assert.deepEqual(allowed, { status: "fulfilled", value: ["a fence"] });
    assert.equal(refused.status, "rejected");
    assert.match(String(refused.reason), /NOPERM/);
    assert.deepEqual(later, { status: "fulfilled", value: ["a fence"] });
    reads.close();
  });

  test("one that falls silent is given up, and made again", async () => {
    const proxy = await startTcpProxy(ofFile.server.port);
    const reads = open(`redis://127.0.0.1:${proxy.port}`);
    await isUsable(reads);
    proxy.stall();
    await assert.rejects(mget(reads, ["text"], 1), DirectConnectionLost);
    assert.equal(reads.runId, undefined, "nobody else waits for it");
    proxy.heal();
    assert.deepEqual(await answer(reads, ["text"], 1), ["a fence"]);
    reads.close();
    await proxy.close();
  });

  test("what has arrived while this process was busy is no silence", async () => {
    const reads = open(ofFile.server.url);
    const ask = async () => {
      // From here timers come next, before anything is read.
      await new Promise(setImmediate);
      const asked = mget(reads, ["text"], 1);
      // It leaves at the end of this step.
      await new Promise<void>((left) => process.nextTick(left));
      beBusyFor(1000);
      return asked;
    };
    assert.deepEqual(await answered(reads, ask, RETRIES), ["a fence"]);
    reads.close();
  });

  test("what has not left yet, because this process was busy, is not met with silence", async () => {
    const proxy = await startTcpProxy(ofFile.server.port, { delayMs: () => 20 });
    const reads = open(`redis://127.0.0.1:${proxy.port}`);
    const ask = () => {
      const asked = mget(reads, ["text"], 1);
      beBusyFor(1000);
      return asked;
    };
    assert.deepEqual(await answered(reads, ask, RETRIES), ["a fence"]);
    reads.close();
    await proxy.close();
  });

  test("the store reads on it, and on its own connection while it is away", async () => {
    const connection = connectStore(ofFile.server.url);
    const { direct: reads } = connection;
    assert.ok(reads);
    const store = new RedisStore(connection, new KeySpace("", false));
    await new Promise<void>((up) => store.listen({ up, down: () => undefined }));
    await isUsable(reads);
    const expected = { fences: ["a fence", null], entries: [BODY] };
    const read = async () => {
      const { fences, entries } = await store.read(["text", "none"], ["body"]);
      assert.deepEqual({ fences, entries }, expected);
    };
    let reader = "";
    // One that is taken for silent is replaced.
    await until("two by the name that operators know, and the newer one has read", async () => {
      await isUsable(reads);
      await read();
      const clients = String(await ofFile.admin.call("CLIENT", "LIST")).split("\n");
      const named = clients.filter((line) => / name=express-tenant-cache /.test(line));
      reader = named.at(-1) ?? "";
      // What it was asked last is the proof that comes with each answer.
      return named.length === 2 && / cmd=(wait|info) /.test(reader);
    });
    const before = await asked("mget");
    await ofFile.admin.call("CLIENT", "KILL", "ID", /^id=(\d+)/.exec(reader)?.[1] ?? "");
    // Not one of them fails, whenever the process hears of it.
    for (let index = 0; index < 20; index++) await read();
    const times = (await asked("mget")) - before;
    assert.ok(times >= 20 && times < 40, `${times} times: not each of them on both`);
    await isUsable(reads);
    await read();
    await store.close();
  });

  test("the store fills on it, and on its own connection while it is away or the value is large", async () => {
    const connection = connectStore(ofFile.server.url);
    const { direct } = connection;
    assert.ok(direct);
    const keys = new KeySpace("", false);
    const store = new RedisStore(connection, keys);
    await new Promise<void>((up) => store.listen({ up, down: () => undefined }));
    await isUsable(direct);
    const [entryKey, fenceKeys] = [keys.entry("t", "m", "1"), [keys.fence("t"), keys.fence("t", "m")]];
    const leaseKey = keys.lease("t", "m", "1");
    const fenceTtlMs = 60_000;
    for (const bytes of [0, 100, 20_000, 200_000]) {
      const lease = { key: leaseKey, holder: `holder-${bytes}`, ttlMs: 60_000 };
      const request = { entryKey, fenceKeys, fenceTtlMs, lease: { ...lease, unlessStored: true } };
      const begun = await store.beginFill(request);
      assert.equal(begun.lease, "leading");
      // One that did not hear the answer asks once more.
      assert.equal((await store.beginFill(request)).lease, "leading");
      const other = { ...lease, holder: "another", unlessStored: true };
      assert.equal((await store.beginFill({ ...request, lease: other })).lease, "waiting");
      if (bytes === 100) await ofFile.admin.script("FLUSH");
      const value = [Buffer.from("head"), BODY.subarray(0, bytes)];
      const commit = { tenant: "t", module: "m", entryKey, value, ttlMs: 60_000, maxEntries: 10 };
      const { fences } = begun;
      const stored = await store.commitFill({ ...commit, fenceKeys, fences, fenceTtlMs, lease });
      assert.equal(stored.outcome, "stored", `${bytes} bytes`);
      assert.deepEqual(await ofFile.admin.getBuffer(entryKey), Buffer.concat(value));
      assert.equal(await ofFile.admin.exists(leaseKey), 0);
      const late = await store.commitFill({ ...commit, fenceKeys, fences: ["x.1", "y.1"], fenceTtlMs });
      assert.equal(late.outcome, "fenced");
      assert.equal((await ofFile.admin.keys("parked:*")).length, 0, "nothing is left behind");
      await ofFile.admin.del(entryKey);
    }
    // It is cut: the next fills go the other way, and none fails.
    const clients = String(await ofFile.admin.call("CLIENT", "LIST")).split("\n");
    const named = clients.filter((line) => / name=express-tenant-cache /.test(line));
    await ofFile.admin.call("CLIENT", "KILL", "ID", /^id=(\d+)/.exec(named.at(-1) ?? "")?.[1] ?? "");
    for (let index = 0; index < 10; index++)
      assert.equal((await store.beginFill({ entryKey, fenceKeys, fenceTtlMs })).fences.length, 2);
    await store.close();
  });

  test("a server that was started anew is asked as the store's own connection finds it", async () => {
    const own = await startRedisServer();
    const connection = connectStore(own.url);
    const { direct: reads } = connection;
    assert.ok(reads);
    const store = new RedisStore(connection, new KeySpace("", false));
    const ups: string[] = [];
    store.listen({ up: () => void ups.push("up"), down: () => undefined });
    while (ups.length < 1) await delay(RETRY_MS);
    await isUsable(reads);
    const { runId } = await store.read(["fence"], []);
    await own.kill();
    await own.restart();
    while (ups.length < 2) await delay(RETRY_MS);
    const after = await store.read(["fence"], []);
    assert.notEqual(after.runId, runId);
    while (reads.runId !== after.runId) await delay(RETRY_MS);
    assert.equal((await store.read(["fence"], [])).runId, after.runId);
    await store.close();
    await own.stop();
  });

  test("clients that know more than one server are asked themselves", async () => {
    const client = new Redis(ofFile.server.url);
    assert.equal(connectStore(client).direct, undefined);
    client.disconnect();
    const sentinel = connectStore({ sentinels: [{ host: "127.0.0.1", port: 1 }], name: "main" });
    assert.equal(sentinel.direct, undefined);
    sentinel.client.disconnect();
  });
});

function beBusyFor(busyMs: number): void {
  const untilMs = performance.now() + busyMs;
  while (performance.now() < untilMs);
}
