// When a handler has answered: not before it has ended its answer, and not only when a slow client has read it.
// Tests: test/faults/store-away-shared.test.ts
import type { ServerResponse } from "node:http";
import { later } from "../later.js";
import { setMethods } from "./own-methods.js";
import { isGone } from "./replay.js";

/**
 * Calls `done` once: when the answer has been ended, or `graceMs` after its client has gone. A handler whose
 * client has gone may be at work still.
 */
export function whenAnswered(res: ServerResponse, done: () => void, graceMs: number): void {
  let isDone = false;
  const once = () => {
    if (isDone) return;
    isDone = true;
    done();
  };
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
    if (!isDone) later(graceMs, once);
  };
  if (isGone(res)) closed();
  else res.once("close", closed);
}
