// Deadlines in a process that has more to do than it can: an overload is told from a store that is slow, and from one that hangs.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import { DeadlineQueue } from "../../src/engine/deadline-queue.js";
import { monotonicNow } from "../../src/timers.js";

const BUDGET_MS = 20;
const SILENT_MS = 10 * BUDGET_MS;
/** Longer than a busy machine stands still. */
const GRACE_MS = 60_000;

// The queue's timers keep no process alive.
const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

/** Always has something to do: a hundred turns of the event loop a second, and none of them waits. */
function keepBusy(): () => void {
  let isBusy = true;
  const work = () => {
    const untilMs = monotonicNow() + 2;
    while (monotonicNow() < untilMs);
    if (isBusy) setImmediate(work);
  };
  work();
  return () => {
    isBusy = false;
  };
}

/** How long it took an operation to be given up that is never answered, milliseconds. */
async function givenUpAfter(queue: DeadlineQueue): Promise<number> {
  const sentAtMs = monotonicNow();
  await assert.rejects(queue.race(new Promise(() => undefined)), { name: "DeadlineExceeded" });
  return monotonicNow() - sentAtMs;
}

const answering = () => monotonicNow();

describe("deadlines in an overload", () => {
  test("a process that waits gives up after the budget, although the store answers others", async () => {
    const queue = new DeadlineQueue(BUDGET_MS, {
      answeredAtMs: answering,
      silentMs: SILENT_MS,
      graceMs: GRACE_MS,
    });
    // Idle for a budget, however slow the machine is: long before an overload would be given up.
    assert.ok((await givenUpAfter(queue)) < GRACE_MS / 12);
  });

  test("a process that has other work waits on while the store answers, and gets its answer", async () => {
    const queue = new DeadlineQueue(BUDGET_MS, {
      answeredAtMs: answering,
      silentMs: SILENT_MS,
      graceMs: GRACE_MS,
    });
    const rest = keepBusy();
    const sentAtMs = monotonicNow();
    const late = new Promise<string>((resolve) => {
      const look = () =>
        monotonicNow() - sentAtMs > 5 * BUDGET_MS ? resolve("answered") : void setImmediate(look);
      look();
    });
    assert.equal(await queue.race(late), "answered");
    rest();
  });

  test("silence shows that the store hangs, beside whatever work", async () => {
    const answeredAtMs = monotonicNow();
    const queue = new DeadlineQueue(BUDGET_MS, {
      answeredAtMs: () => answeredAtMs,
      silentMs: SILENT_MS,
      graceMs: 1e9,
    });
    const rest = keepBusy();
    assert.ok((await givenUpAfter(queue)) >= SILENT_MS);
    rest();
  });

  test("an answer that was lost is not waited for forever", async () => {
    const queue = new DeadlineQueue(BUDGET_MS, {
      answeredAtMs: answering,
      silentMs: SILENT_MS,
      graceMs: 5 * BUDGET_MS,
    });
    const rest = keepBusy();
    assert.ok((await givenUpAfter(queue)) >= 6 * BUDGET_MS);
    rest();
  });
});
