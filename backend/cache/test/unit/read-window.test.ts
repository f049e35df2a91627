// The window of reads: what makes it larger and smaller.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { type ReadTaken, ReadWindow } from "../../src/engine/read-window.js";

const BUDGET_MS = 50;
const READS = 500;
const QUICK: ReadTaken = { durationMs: 1, idleMs: 0.1, isScarce: true };

function windowAfter(...reads: ReadTaken[]): number {
  const window = new ReadWindow(BUDGET_MS);
  // The quickest that was seen.
  window.took({ durationMs: 1, idleMs: 1, isScarce: false });
  for (const read of reads) for (let n = 0; n < READS; n++) window.took(read);
  return window.entries;
}

describe("the window of reads", () => {
  const atFirst = new ReadWindow(BUDGET_MS).entries;
  const far: ReadTaken = { ...QUICK, idleMs: 0.5 };
  const busy: ReadTaken = { ...QUICK, idleMs: 0 };

  test("a store that is far away is asked for more at once", () => {
    assert.equal(windowAfter(far), 1024);
  });

  test("a process that is never idle has no use for more", () => {
    assert.equal(windowAfter(busy), 64);
    assert.equal(windowAfter(far, busy), 64);
  });

  test("a store that is busy itself is not asked for more: reads would only wait longer", () => {
    assert.equal(windowAfter({ ...far, durationMs: 4, idleMs: 3 }), atFirst);
  });

  test("what was quick long ago is no measure any more", () => {
    const farther: ReadTaken = { durationMs: 4, idleMs: 3, isScarce: true };
    assert.equal(windowAfter(farther, farther, farther, farther, farther, farther), 1024);
  });

  test("it is smaller where reads take half of the budget, whoever waits", () => {
    assert.equal(windowAfter({ durationMs: BUDGET_MS / 2 + 1, idleMs: 20, isScarce: false }), 64);
  });

  test("it stays where nobody waits for room, and where the process is idle now and then", () => {
    assert.equal(windowAfter({ ...far, isScarce: false }, { ...busy, isScarce: false }), atFirst);
    assert.equal(windowAfter({ ...QUICK, idleMs: 0.05 }), atFirst);
  });

  test("there is room for what fits", () => {
    const window = new ReadWindow(BUDGET_MS);
    assert.equal(window.hasRoom(atFirst - 32, 32), true);
    assert.equal(window.hasRoom(atFirst - 31, 32), false);
  });
});
