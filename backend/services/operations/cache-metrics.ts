// Figures of the cache under the names that operators' dashboards read.
import type { ViewCache } from "../views/view-cache.js";
import { type CacheFigures, humanBytes } from "./cache-figures.js";

/** `null` where the server does not say, or cannot be asked. */
export function cacheMetrics({ store, server, totals }: CacheFigures, views: ViewCache) {
  return {
    health: {
      status: store.connected ? "healthy" : "unhealthy",
      connected: store.connected,
      latency: store.latencyMs,
    },
    memory: {
      used_memory: server?.usedMemoryBytes ?? null,
      used_memory_human: humanBytes(server?.usedMemoryBytes ?? null),
      maxmemory: server?.maxMemoryBytes ?? null,
    },
    stats: { evicted_keys: server?.evictedKeys ?? null, expired_keys: server?.expiredKeys ?? null },
    keyCount: server?.keys ?? null,
    cacheManagerStats: {
      hits: totals.hits,
      misses: totals.misses,
      sets: totals.sets,
      deletes: totals.invalidations,
      errors: totals.errors,
      hitRate: totals.hitRatio,
    },
    views: views.report(),
    timestamp: new Date().toISOString(),
  };
}
