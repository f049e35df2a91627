// When a handler has answered: not before it has ended its answer, and not only when a slow client has read it.
// Tests: test/unit/when-answered.test.ts, test/faults/store-away-shared.test.ts
import type { ServerResponse } from "node:http";
import { later } from "../later.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";
import { setMethods } from "./own-methods.js";
import { isGone } from "./replay.js";

/**
 * Calls `done` once: when the answer has been ended, `graceMs` after its client has gone, or `maxMs` from now. A handler whose
 * client has gone may be at work still, and one that never answers is not.
 */
export function whenAnswered(
  res: ServerResponse,
  done: () => void,
  graceMs: number,
  maxMs = Number.POSITIVE_INFINITY,
): void {
  let isDone = false;
  let timer: Timer | undefined;
  const once = () => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    done();
  };
  const endsAtMs = monotonicNow() + maxMs;
  if (Number.isFinite(maxMs)) timer = later(maxMs, once);
  const { end } = res;
  const endAndTell = (...args: unknown[]): ServerResponse => {
    try {
      return Reflect.apply(end, res, args) as ServerResponse;
    } finally {
      once();
    }
  };
  setMethods(res, { end: endAndTell as typeof end });
  const closed = () => {
    if (isDone) return;
    clearTimeout(timer);
    timer = later(Math.min(graceMs, Math.max(0, endsAtMs - monotonicNow())), once);
  };
  if (isGone(res)) closed();
  else res.once("close", closed);
}
