// The cache as the configuration describes it: the server and `npm run warm` must agree on every option, or one cannot read the other's entries.
// Tests: test/faults/warming.test.ts, test/faults/encryption-rotation.test.ts
import {
  createTenantCache,
  type Logger,
  type TenantCache,
  type TenantCacheOptions,
} from "express-tenant-cache";
import { createFeed, type Feed, type FeedDatabase } from "express-tenant-cache/feed";
import { redisOption } from "./config/redis-servers.js";
import type { Config } from "./config.js";
import { feedTables } from "./modules/feed-tables.js";
import type { ModuleContext } from "./modules/module-context.js";

export interface OpenCacheOptions {
  /** Of {@link openFeed}: all processes that read and fill entries have it, or none. */
  readonly feed?: Feed | undefined;
  readonly tenant: TenantCacheOptions["tenant"];
  readonly logger: Logger;
}

export function openCache(config: Config, { tenant, logger, feed }: OpenCacheOptions): TenantCache {
  return createTenantCache({
    redis: config.redisCache && redisOption(config.redisCache),
    ...(config.encryption && { encryption: config.encryption }),
    ...(feed && { feed }),
    tenant,
    keyPrefix: config.CACHE_KEY_PREFIX,
    budgetMs: config.CACHE_BUDGET_MS,
    maxBodyBytes: config.CACHE_MAX_BODY_BYTES,
    maxBytesPerTenant: config.CACHE_MAX_BYTES_PER_TENANT || Number.POSITIVE_INFINITY,
    memory: { maxBytes: config.CACHE_MEMORY_BYTES },
    manager: { preset: config.CACHE_TTL_PRESET },
    logger,
  });
}

/**
 * Writes past the API, where the configuration asks for them. Whoever owns the tables owns the feed: no role has to be made.
 */
export function openFeed(config: Config, database: FeedDatabase): Feed | undefined {
  return config.CACHE_FEED ? createFeed({ database, tables: feedTables(), ownerRole: null }) : undefined;
}

/** TTLs of the modules' routes, in the server and in what warms them. */
export function moduleTtls(config: Config): ModuleContext["ttlSeconds"] {
  return {
    list: config.CACHE_TTL_LIST_SECONDS,
    count: config.CACHE_TTL_COUNT_SECONDS,
    detail: config.CACHE_TTL_DETAIL_SECONDS,
  };
}
