// Runs connect-style middleware on a raw request.
import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * Middleware that works on raw requests, as connect's does. It runs for hits of the lane only: what goes on to the app meets the app's own.
 * A promise that it returns is waited for as Express 5 does: where that rejects before `next` was called, that is passed on as an error.
 */
export type LaneMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => unknown;

/**
 * Calls `done` once: with the error where one threw, rejected or passed one on; not at all where one of them has answered itself.
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
