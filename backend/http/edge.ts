// What a request meets before the routes: the same instances serve inside Express and in the lane in front of it.
// Tests: test/http/problems.test.ts
import type { RequestHandler } from "express";
import type { LaneMiddleware } from "express-tenant-cache";
import helmet from "helmet";
import type { Logger } from "pino";
import { accessLog } from "./access-log.js";
import { type RateLimitOptions, rateLimiter } from "./rate-limit.js";
import { requestId } from "./request-id.js";

export interface Edge {
  /** For every response, in this order. They work on raw requests, too. */
  readonly everyResponse: readonly LaneMiddleware[];
  /** Goes after the identity, which it counts by. */
  readonly rateLimiter: RequestHandler;
}

export interface EdgeOptions {
  readonly logger: Logger;
  readonly rateLimit: RateLimitOptions;
}

export function createEdge({ logger, rateLimit }: EdgeOptions): Edge {
  return {
    everyResponse: [requestId, accessLog(logger), helmet()],
    rateLimiter: rateLimiter(rateLimit),
  };
}
