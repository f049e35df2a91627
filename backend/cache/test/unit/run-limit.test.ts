// How many handlers run at once: places are given in turn, within time, and to no more than may wait.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import { RunLimit } from "../../src/engine/run-limit.js";
import { monotonicNow } from "../../src/timers.js";

const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

const soon = () => monotonicNow() + 60_000;

describe("places for handlers", () => {
  test("so many run at once; the others wait in the order in which they came", async () => {
    const limit = new RunLimit({ maxConcurrent: 2, maxWaiting: 10 });
    assert.deepEqual([limit.take(soon()), limit.take(soon())], [true, true]);
    const granted: string[] = [];
    const waiting = ["first", "second"].map(async (name) => {
      assert.equal(await limit.take(soon()), true);
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
    const late = limit.take(monotonicNow() + 10);
    assert.equal(limit.take(soon()), false, "one waits already");
    assert.equal(await late, false);
    assert.equal(limit.waiting, 0);
    assert.equal(limit.take(monotonicNow()), false, "its time is over");
    limit.release();
    assert.equal(limit.running, 0);
  });
});
