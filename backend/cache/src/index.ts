// The public face of express-tenant-cache: exports only.
export type { EncryptionKey, SealCount } from "./codec/encryption.js";
export { TenantCacheError, type TenantCacheErrorCode } from "./errors.js";
export type { AuthorityRule } from "./express/authority.js";
export type { CacheList } from "./express/cache-list.js";
export {
  type AppPrototypes,
  type ExpressServerOptions,
  expressServerOptions,
} from "./express/express-server-options.js";
export type { InvalidateCache } from "./express/invalidate-cache.js";
export type { CreateLane, LaneApp } from "./express/lane.js";
export type { LaneIdentity } from "./express/lane-callers.js";
export type { LaneMiddleware } from "./express/lane-middleware.js";
export type { OwnHeadersOption } from "./express/own-headers.js";
export type { Logger } from "./logger.js";
export type { AlertRule, AlertThresholds } from "./ops/alert-rules.js";
export {
  type Alert,
  CacheMonitor,
  type CacheMonitorEvents,
  type CacheMonitorOptions,
  type MonitorHealth,
} from "./ops/cache-monitor.js";
export type { CounterReport } from "./ops/counters.js";
export type { CacheEvent, CacheEventMap, CacheEventName, CacheEvents } from "./ops/events.js";
export type { MonitorFigures, RecentRates } from "./ops/monitor-figures.js";
export type { MonitorMetrics } from "./ops/monitor-metrics.js";
export type { CacheStats, ModuleStats, StatsFilter, StoreStats, TenantStats } from "./ops/stats.js";
export type { TenantCacheOptions } from "./options/cache-options.js";
export type { InvalidateOptions } from "./options/invalidate-options.js";
export type { LaneOptions } from "./options/lane-options.js";
export type { CacheListOptions, Scope } from "./options/route-options.js";
export type { KeySpace } from "./store/key-space.js";
export type * from "./store/keyed-store.js";
export { MemoryStore, type MemoryStoreOptions } from "./store/memory-store.js";
export type { UserRedisClient } from "./store/redis/redis-client.js";
export type { RedisClusterOptions, RedisOption, RedisServerOptions } from "./store/redis/redis-option.js";
export type * from "./store/store.js";
export { GroupUnavailable, NotConnected, StoreFull } from "./store/store-errors.js";
export { createTenantCache, type TenantCache } from "./tenant-cache.js";
export type { CacheManager } from "./toolkit/cache-manager.js";
export type { CacheSpace, SetItem } from "./toolkit/cache-space.js";
export {
  CacheWarmer,
  type CacheWarmerEvents,
  type CacheWarmerOptions,
  type WarmProgress,
  type WarmRequest,
  type WarmResult,
} from "./toolkit/cache-warmer.js";
export type { Collection, CollectionItem, CollectionOptions } from "./toolkit/collection.js";
export { type Order, type Page, paginatedKey, sortedKey, timestampedKey } from "./toolkit/key-parts.js";
export type { KeyParams, KeyPattern } from "./toolkit/key-pattern.js";
export type { KeyBuilders, KeyRegistry } from "./toolkit/key-registry.js";
export type { Load, Looked } from "./toolkit/keyed-cache.js";
export type { LockOptions } from "./toolkit/locks.js";
export type { CounterOptions } from "./toolkit/state-counters.js";
export type { PatternDeletion } from "./toolkit/toolkit-context.js";
export { TTL_PRESETS, type TtlPreset, type TtlPresetName } from "./toolkit/ttl-presets.js";
export type {
  GetOrSetOptions,
  SetOnceOptions,
  SetOptions,
  Ttl,
  ValueOptions,
  ValueSchema,
} from "./toolkit/value-options.js";
export type { EntryStrategy, RouteStrategy, WarmStrategy, WarmTask } from "./toolkit/warm-strategies.js";
export { TTL_SECONDS } from "./ttl-seconds.js";
