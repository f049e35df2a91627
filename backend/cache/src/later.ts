// A timer that keeps no process alive.
// Tests: test/unit/store-gate.test.ts, test/unit/leases.test.ts
import { setTimeout, type Timer } from "./timers.js";

export function later(delayMs: number, run: () => void): Timer {
  return setTimeout(run, delayMs).unref();
}
