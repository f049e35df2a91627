// The options of `cache.lane`.
import type { IncomingMessage } from "node:http";
import * as z from "zod";
import type { LaneIdentity } from "../express/lane-callers.js";
import type { LaneMiddleware } from "../express/lane-middleware.js";
import { fn, parse, positiveInt, registerCall } from "./parse.js";

export interface LaneOptions {
  /**
   * Authenticates the raw request with what is at hand (a memo of verified tokens), synchronously; nothing where it cannot: the app
   * then answers.
   */
  readonly identify: (req: IncomingMessage) => LaneIdentity | undefined;
  /** What the app does to every response before `cacheList` (headers, logs, rate limits), in the app's order. Default none. */
  readonly use?: readonly LaneMiddleware[];
  /** URLs and callers that are remembered. Default 20,000. */
  readonly maxRequests?: number;
  /** After so long the app is asked again whether it lets a request through, seconds. Default 60. */
  readonly relearnSeconds?: number;
}

const laneSchema = z.strictObject({
  identify: fn<LaneOptions["identify"]>("(req) => sessions.get(req.headers.authorization)"),
  use: z.array(fn<LaneMiddleware>("helmet()")).default([]),
  maxRequests: positiveInt.default(20_000),
  relearnSeconds: positiveInt.default(60),
});

registerCall("lane", "lane(app, { identify: (req) => sessions.get(req.headers.authorization) })", laneSchema);

export type ParsedLaneOptions = z.output<typeof laneSchema>;

/** @throws TenantCacheError `ETC_OPTIONS` */
export function parseLaneOptions(options: unknown): ParsedLaneOptions {
  return parse("lane", laneSchema, options);
}
