// The caches that integration tests run against: one per store, each with a key prefix of its own.
import { randomUUID } from "node:crypto";
import {
  createTenantCache,
  type Logger,
  type TenantCache,
  type TenantCacheOptions,
} from "../../cache/index.js";
import { sharedRedisUrl } from "../services/index.js";

export const STORES = ["memory", "redis"] as const;
export type StoreName = (typeof STORES)[number];

export const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A cache in use, whose tenant is the request header `x-tenant`. */
export async function openCache(
  store: StoreName,
  options: Partial<TenantCacheOptions> = {},
): Promise<TenantCache> {
  const cache = createTenantCache({
    redis: store === "redis" ? await sharedRedisUrl() : undefined,
    keyPrefix: `test:${randomUUID()}:`,
    tenant: (req) => req.get("x-tenant"),
    logger: quiet,
    ...options,
  });
  if (!(await cache.ready())) throw new Error(`the ${store} store is not reachable`);
  return cache;
}
