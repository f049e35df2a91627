// The rate limit: for each token subject, or for each address where there is no token.
// Tests: test/http/problems.test.ts
import type { RequestHandler } from "express";
import { rateLimit, type Store } from "express-rate-limit";
import { callerOf } from "./client-address.js";
import { HttpProblem } from "./problem.js";

export interface RateLimitOptions {
  /** Requests for each window; 0 switches the limit off. */
  readonly max: number;
  readonly windowSeconds: number;
  /** Where counts live. Default: this process's memory. */
  readonly store?: Store | undefined;
}

/** Answers 429 above the limit. A store that fails lets requests pass: the limit protects the service, it must not be what stops it. */
export function rateLimiter({ max, windowSeconds, store }: RateLimitOptions): RequestHandler {
  if (max === 0) return (_req, _res, next) => next();
  return rateLimit({
    limit: max,
    windowMs: windowSeconds * 1000,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    passOnStoreError: true,
    ...(store && { store }),
    keyGenerator: callerOf,
    handler: (_req, _res, next) => {
      next(
        new HttpProblem(429, { detail: `More than ${max} requests in ${windowSeconds} seconds. Slow down.` }),
      );
    },
    // Its start-up checks print stack traces for stores and proxies that are configured on purpose.
    validate: false,
    logger: { warn: () => {}, error: () => {} },
  });
}
