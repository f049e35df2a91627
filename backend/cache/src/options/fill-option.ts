// The option `fill`, of the cache and of routes: how requests wait for each other's handlers, and how many run at once.
// Tests: test/unit/refusals/cache-options.test.ts, test/unit/refusals/http-options.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { positiveInt, timerMs } from "./parse.js";

const MAX_RETRY_AFTER_SECONDS = 3600;

export interface RouteFillOption {
  /**
   * How many handlers run at once in this process for requests that no entry answers, also while the store is
   * away. Of a route: for it alone; of `routes`: for its modules together; of the cache: for all routes together. Who
   * says something of its own does not count.
   * Default: as many as are asked for.
   */
  readonly maxConcurrent?: number | undefined;
  /** How long a request waits for another's handler, or for a place, milliseconds. Default 5,000. */
  readonly waitMs?: number | undefined;
  /**
   * How long a handler that does not answer keeps its place, milliseconds: then another may run, perhaps beside it. Choose
   * more than its slowest query takes. Default 60,000.
   */
  readonly maxRunMs?: number | undefined;
  /**
   * A request that has got no place in time is answered 503 with this `Retry-After`, seconds, where no stale
   * entry may answer. Default: its handler runs all the same.
   */
  readonly retryAfterSeconds?: number | undefined;
}

export interface CacheFillOption extends RouteFillOption {
  /** How many wait for one handler, and how many for a place. Default 1,000. */
  readonly maxWaiting?: number | undefined;
}

const IDLE_WITHOUT_PLACES = [
  ["retryAfterSeconds", "nobody is ever refused"],
  ["maxRunMs", "no handler has a place"],
] as const;

const retryAfterSeconds = z.int().min(1).max(MAX_RETRY_AFTER_SECONDS).optional();

/** @internal */
export const fillOfCache = z
  .strictObject({
    waitMs: timerMs(1).default(5000),
    maxWaiting: positiveInt.default(1000),
    maxConcurrent: positiveInt.optional(),
    maxRunMs: timerMs(1).optional(),
    retryAfterSeconds,
  })
  .prefault({});

/** @internal */
export const fillOfRoute = z
  .strictObject({
    waitMs: timerMs(1).optional(),
    maxConcurrent: positiveInt.optional(),
    maxRunMs: timerMs(1).optional(),
    retryAfterSeconds,
  })
  .prefault({});

/**
 * @throws TenantCacheError `ETC_OPTIONS` where nothing bounds what runs at once, so that what is said of places means nothing
 * @internal
 */
export function refuseIdlePlaces(call: string, fill: RouteFillOption, cacheMaxConcurrent?: number): void {
  if (fill.maxConcurrent !== undefined || cacheMaxConcurrent !== undefined) return;
  for (const [name, why] of IDLE_WITHOUT_PLACES) {
    const value = fill[name];
    if (value === undefined) continue;
    throw new TenantCacheError(
      "ETC_OPTIONS",
      `${call}: fill.${name} is given without fill.maxConcurrent, so that ${why}: write { fill: { maxConcurrent: 50, ${name}: ${value} } }`,
    );
  }
}
