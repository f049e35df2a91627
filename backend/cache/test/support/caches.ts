// The caches that integration tests run against: one per store, each with a key prefix of its own.
import { randomUUID } from "node:crypto";
import {
  createTenantCache,
  type Logger,
  type TenantCache,
  type TenantCacheOptions,
} from "../../src/index.js";
import { sharedRedisUrl } from "../../../servers/index.js";

/** `redis-only`: without the in-process tier in front of it. */
export const STORES = ["memory", "redis", "redis-only"] as const;
export type StoreName = (typeof STORES)[number];

export const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Far above what a busy machine takes: what most suites are about is what happens, not how fast. */
export const PATIENT = { budgetMs: 10_000, fill: { waitMs: 60_000 } } as const;
/** How long a store may take to be in use, milliseconds. */
export const READY_WITHIN_MS = 60_000;

/** A cache in use, whose tenant is the request header `x-tenant`. */
export async function openCache(
  store: StoreName,
  options: Partial<TenantCacheOptions> = {},
): Promise<TenantCache> {
  const cache = createTenantCache({
    redis: store === "memory" ? undefined : await sharedRedisUrl(),
    ...(store === "redis-only" && { local: { maxBytes: 0 } }),
    keyPrefix: `test:${randomUUID()}:`,
    tenant: (req) => req.get("x-tenant"),
    logger: quiet,
    ...PATIENT,
    ...options,
  });
  if (!(await cache.ready(READY_WITHIN_MS))) {
    const { reason } = cache.health();
    await cache.close();
    throw new Error(`the ${store} store is not reachable (${reason})`);
  }
  return cache;
}
