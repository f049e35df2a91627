// How many handlers of one subject (of one address, without a valid token) run at a time: one who asks for a lot must not take every database connection from all others.
// Tests: test/http/login-bounds.test.ts
import type { Request, RequestHandler } from "express";
import { BoundedWork, TooMuchWork } from "./bounded-work.js";
import { callerOf } from "./client-address.js";
import { tells } from "./openapi/facts.js";
import { HttpProblem } from "./problem.js";

/** Far above what a page asks for at a time. */
const WAITING_PER_SUBJECT = 500;

const bounds = new WeakMap<Request, BoundedWork>();

/**
 * Has {@link inTurn} give each subject half of the connections at most, and at least one.
 * @param connections of the pool
 */
export function boundSubjects(connections: number): RequestHandler {
  const work = new BoundedWork({
    atOncePerCaller: Math.max(1, Math.floor(connections / 2)),
    waitingPerCaller: WAITING_PER_SUBJECT,
  });
  const bound: RequestHandler = (req, _res, next) => {
    bounds.set(req, work);
    next();
  };
  return tells(bound, { problems: [429] });
}

/**
 * The handler, when its subject may run one more. What is in front of a route's handler is not bounded: hits of the cache wait for
 * nobody. Answers 429 where too many wait already.
 */
export function inTurn(handler: RequestHandler): RequestHandler {
  return async (req, res, next) => {
    const work = bounds.get(req);
    if (!work) {
      await handler(req, res, next);
      return;
    }
    try {
      // Whoever has gone away meanwhile wants nothing any more.
      await work.run(callerOf(req), () => (res.destroyed ? undefined : handler(req, res, next)));
    } catch (error) {
      if (!(error instanceof TooMuchWork)) throw error;
      throw new HttpProblem(429, {
        detail: "Too many of your requests are waiting for an answer. Wait for some of them.",
        headers: { "Retry-After": "1" },
      });
    }
  };
}
