// The caches that tests run against: one per store, each with a key prefix of its own.
import { randomUUID } from "node:crypto";
import type { createTenantCache, Logger, TenantCache, TenantCacheOptions } from "express-tenant-cache";
import { sharedRedisUrl } from "./index.js";

/** `redis-only`: without the in-process tier in front of it. */
export const STORES = ["memory", "redis", "redis-only"] as const;
export type StoreName = (typeof STORES)[number];

export const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Far above what a busy machine takes: what most suites are about is what happens, not how fast. */
export const PATIENT = { budgetMs: 10_000, fill: { waitMs: 60_000 } } as const;
/** How long a store may take to be in use, milliseconds. */
export const READY_WITHIN_MS = 60_000;

export type OpenCache = (store: StoreName, options?: Partial<TenantCacheOptions>) => Promise<TenantCache>;

/**
 * Opens a cache in use, whose tenant is the request header `x-tenant`.
 * @param create of the library's sources for its own tests, of the package for those of who uses it
 */
export function cacheOpener(create: typeof createTenantCache): OpenCache {
  return async (store, options = {}) => {
    const cache = create({
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
  };
}
