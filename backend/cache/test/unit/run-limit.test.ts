// How many handlers run at once: places are given in turn, within time, and to no more than may wait.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import { type PlaceWait, RunLimit } from "../../src/engine/run-limit.js";
import { monotonicNow } from "../../src/timers.js";

const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

const soon = () => monotonicNow() + 60_000;

function wait(limit: RunLimit, giveUpAtMs = soon()): PlaceWait {
  const place = limit.take(giveUpAtMs);
  assert.ok(typeof place === "object", "no place is free");
  return place;
}

describe("places for handlers", () => {
  test("so many run at once; the others wait in the order in which they came", async () => {
    const limit = new RunLimit({ maxConcurrent: 2, maxWaiting: 10 });
    assert.deepEqual([limit.take(soon()), limit.take(soon())], [true, true]);
    const granted: string[] = [];
    const waiting = ["first", "second"].map(async (name) => {
      assert.equal(await wait(limit).granted, true);
      granted.push(name);
    });
    assert.equal(limit.waiting, 2);
    limit.release();
    await waiting[0];
    assert.deepEqual(granted, ["first"]);
    limit.release();
    await waiting[1];
    assert.deepEqual(granted, ["first", "second"]);
    assert.equal(limit.running, 2);
    limit.release();
    limit.release();
    assert.equal(limit.running, 0);
    assert.equal(limit.take(soon()), true);
  });

  test("who has waited too long, or comes when too many wait, gets none", async () => {
    const limit = new RunLimit({ maxConcurrent: 1, maxWaiting: 1 });
    assert.equal(limit.take(soon()), true);
    const late = wait(limit, monotonicNow() + 10);
    assert.equal(limit.take(soon()), false, "one waits already");
    assert.equal(await late.granted, false);
    assert.equal(limit.waiting, 0);
    assert.equal(limit.take(monotonicNow()), false, "its time is over");
    limit.release();
    assert.equal(limit.running, 0);
  });

  test("who leaves makes room for others that wait, and gets no place", async () => {
    const limit = new RunLimit({ maxConcurrent: 1, maxWaiting: 1 });
    assert.equal(limit.take(soon()), true);
    const gone = wait(limit);
    gone.leave();
    assert.equal(await gone.granted, false);
    const next = wait(limit);
    limit.release();
    assert.equal(await next.granted, true);
    next.leave();
    assert.deepEqual([limit.running, limit.waiting], [1, 0]);
    limit.release();
    assert.equal(limit.running, 0);
  });
});
