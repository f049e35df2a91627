// What is left of a time to live, however long a busy machine took to ask for it.
import assert from "node:assert/strict";

/**
 * Call it before what begins the time to live; what it returns asserts that so many seconds were given, and that no more of them are
 * gone than have passed since.
 */
export function timeLeft(): (leftSeconds: number | undefined, givenSeconds: number) => void {
  const startedAtMs = performance.now();
  return (leftSeconds, givenSeconds) => {
    const passedSeconds = Math.ceil((performance.now() - startedAtMs) / 1000);
    const isRight =
      leftSeconds !== undefined && leftSeconds <= givenSeconds && leftSeconds >= givenSeconds - passedSeconds;
    assert.ok(isRight, `${leftSeconds} s are left of ${givenSeconds} s, after ${passedSeconds} s at most`);
  };
}
