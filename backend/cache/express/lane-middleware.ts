// Runs connect-style middleware on a raw request.
import type { IncomingMessage, ServerResponse } from "node:http";

/** Middleware that works on raw requests, as connect's does. It runs for hits of the lane only: what goes on to the app meets the app's own. */
export type LaneMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Calls `done` once: with the error where one threw or passed one on; not at all where one of them has answered itself. */
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
        middleware(req, res, next);
      } catch (problem) {
        next(problem);
      }
    } else done();
  };
  step();
}
