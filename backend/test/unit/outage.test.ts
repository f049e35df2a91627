// A lasting failure: one line when it begins, one when it has been over for a while.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Outage } from "../../outage.js";

function watched() {
  const lines: string[] = [];
  const clock = { nowMs: 0 };
  const outage = new Outage(
    {
      began: (reason) => lines.push(`began: ${reason}`),
      ended: (seconds, failures) => lines.push(`ended: ${seconds} s, ${failures}`),
    },
    () => clock.nowMs,
  );
  return { lines, clock, outage };
}

describe("an outage", () => {
  test("is told once, however many requests meet it, and its end once", () => {
    const { lines, clock, outage } = watched();
    outage.worked();
    assert.equal(outage.reason, null);
    for (let n = 0; n < 100; n++) {
      clock.nowMs = n * 100;
      outage.failed(`reason ${n}`);
    }
    assert.equal(outage.reason, "reason 0");
    clock.nowMs = 20_000;
    outage.worked();
    outage.worked();
    assert.equal(outage.reason, null);
    assert.deepEqual(lines, ["began: reason 0", "ended: 9.9 s, 100"]);
    outage.failed("another");
    assert.equal(lines.length, 3);
  });

  test("that comes and goes has not ended: a full disk takes small changes and refuses large ones", () => {
    const { lines, clock, outage } = watched();
    for (let n = 0; n < 20; n++) {
      clock.nowMs += 1000;
      outage.failed("full");
      outage.worked();
    }
    assert.deepEqual(lines, ["began: full"]);
  });
});
