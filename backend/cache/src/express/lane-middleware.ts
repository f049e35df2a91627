// Runs connect-style middleware on a raw request.
// Tests: test/integration/lane.test.ts, test/integration/lane-transparency.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import type { LaneMiddleware } from "../options/lane-options.js";

/**
 * Calls `done` once: with the error where one threw, rejected or passed one on; not at all where one of them
 * has answered itself.
 *
 * @param done must not throw: that would pass for an error of the middleware that has called `next`
 */
export function runMiddleware(
  use: readonly LaneMiddleware[],
  req: IncomingMessage,
  res: ServerResponse,
  done: (error?: unknown) => void,
): void {
  let index = 0;
  const step = (error?: unknown): void => {
    const middleware = use[index++];
    if (error !== undefined && error !== null) {
      index = use.length + 1;
      done(error);
    } else if (middleware) {
      let called = false;
      const next = (problem?: unknown) => {
        if (called) return;
        called = true;
        step(problem);
      };
      try {
        const returned = middleware(req, res, next);
        if (isThenable(returned))
          returned.then(undefined, (problem) => next(problem ?? new Error("rejected")));
      } catch (problem) {
        next(problem);
      }
    } else done();
  };
  step();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
