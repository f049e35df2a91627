// A rate limit of one endpoint for one user, beside the general one: for what costs more than a read.
// Tests: test/http/login-bounds.test.ts
import type { RequestHandler } from "express";
import { rateLimit } from "express-rate-limit";
import { type StateStore, statePrefix } from "../state/state-redis.js";
import { identityOf } from "./identity/authenticate.js";
import { HttpProblem } from "./problem.js";
import { countingStore } from "./redis-rate-limit-store.js";

export interface UserRateLimitOptions {
  /** Name of the endpoint in the key: "credits-deduct". */
  readonly endpoint: string;
  /** Requests of one user in each window. */
  readonly max: number;
  readonly windowSeconds: number;
  /** Where counts live. Default: this process's memory. */
  readonly state?: StateStore | undefined;
}

/** Answers 429 above the limit; it goes after `requireIdentity`. As with the general limit, requests pass while Redis is away. */
export function userRateLimit({ endpoint, max, windowSeconds, state }: UserRateLimitOptions): RequestHandler {
  return rateLimit({
    limit: max,
    windowMs: windowSeconds * 1000,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    passOnStoreError: true,
    ...(state && { store: countingStore(state.redis, state.keyPrefix) }),
    keyGenerator: (req) => {
      const { tenantId, subject } = identityOf(req);
      return `${statePrefix("", tenantId)}rate:${encodeURIComponent(subject)}:${endpoint}`;
    },
    handler: (_req, _res, next) => {
      next(
        new HttpProblem(429, { detail: `More than ${max} of these requests in ${windowSeconds} seconds.` }),
      );
    },
    validate: false,
    logger: { warn: () => {}, error: () => {} },
  });
}
