// The options of `cache.lane`.
// Tests: test/unit/refusals/http-options.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import * as z from "zod";
import type { TenantId } from "../identifiers.js";
import { fn, parse, positiveInt, registerCall } from "./parse.js";

/** What the lane must know of whoever asks, so that it answers nobody whom the app would have refused. */
export interface LaneIdentity {
  /** As the `tenant` option resolves it in the app. */
  readonly tenant: TenantId;
  /** As the route's `scope` function resolves it; absent for routes without one. */
  readonly scope?: string | undefined;
  /**
   * Stands for all that the app's guards look at: a role, a user. Default: the request's `Authorization` and
   * `Cookie` headers, so that what the app has allowed to one token is not given to another.
   */
  readonly principal?: string | undefined;
  /**
   * Tags whose invalidation ends what is known of this identity: `cache.invalidateTags(tenant, "session-42")`
   * has the app asked again about all requests that come after it, in every process.
   */
  readonly tags?: readonly string[] | undefined;
}

/**
 * Middleware that works on raw requests, as connect's does. It runs for hits of the lane only: what goes on
 * to the app meets the app's own. A promise that it returns is waited for as Express 5 does: where that
 * rejects before `next` was called, that is passed on as an error.
 */
export type LaneMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => unknown;

export interface LaneOptions {
  /**
   * Authenticates the raw request with what is at hand (a memo of verified tokens), synchronously; nothing
   * where it cannot: the app then answers.
   */
  readonly identify: (req: IncomingMessage) => LaneIdentity | undefined;
  /**
   * What the app does to every response before `cacheList` (headers, logs, rate limits), in the app's order.
   * Default none.
   */
  readonly use?: readonly LaneMiddleware[];
  /** URLs and callers that are remembered. Default 20,000. */
  readonly maxRequests?: number;
  /** After so long the app is asked again whether it lets a request through, seconds. Default 60. */
  readonly relearnSeconds?: number;
}

/** @internal */
const laneSchema = z.strictObject({
  identify: fn<LaneOptions["identify"]>("(req) => sessions.get(req.headers.authorization)"),
  use: z.array(fn<LaneMiddleware>("helmet()")).default([]),
  maxRequests: positiveInt.default(20_000),
  relearnSeconds: positiveInt.default(60),
});

registerCall("lane", "lane(app, { identify: (req) => sessions.get(req.headers.authorization) })", laneSchema);

/** @internal */
export type ParsedLaneOptions = z.output<typeof laneSchema>;

/**
 * @throws TenantCacheError `ETC_OPTIONS`
 * @internal
 */
export function parseLaneOptions(options: unknown): ParsedLaneOptions {
  return parse("lane", laneSchema, options);
}
