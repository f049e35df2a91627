// The public face of express-tenant-cache: exports only.

export type {
  AdviceWarning,
  AdviceWarningCode,
  CacheAdvice,
  RouteAdvice,
  TenantAdvice,
  TtlForecast,
} from "./advice/cache-advice.js";
export type { CurvePoint } from "./advice/distance-curve.js";
export type { RouteKind } from "./advice/route-figures.js";
export type { CacheStatusDetail } from "./cache-status.js";
export type { CauseKind, InvalidationScope, Origin } from "./cause-origin.js";
export { CAUSE_KINDS } from "./cause-origin.js";
export type { EncryptionKey, SealCount } from "./codec/encryption.js";
export type { Cause } from "./engine/cause-text.js";
export type { CounterReport, InvalidationReport, ProbeFigures } from "./engine/counters.js";
export { MISS_REASONS, type MissReason } from "./engine/entry-memory.js";
export type {
  CacheEvent,
  CacheEventMap,
  CacheEventName,
  CacheEvents,
  DecisionName,
  InvalidatedEvent,
  ReadsEvent,
} from "./engine/events.js";
export type { FeedReport } from "./engine/feeds.js";
export { TenantCacheError, type TenantCacheErrorCode } from "./errors.js";
export type { CacheList } from "./express/cache-list.js";
export type { CacheRoutes } from "./express/cache-routes.js";
export type { CausesQuery, ReadCauses } from "./express/causes-call.js";
export type { Explain, Explained } from "./express/explain-call.js";
export {
  type EvictedBy,
  type ExplainedEntry,
  type ExplainedFence,
  type ExplainedRoute,
  type Explanation,
  type FencedBy,
  type MissExplanation,
  type RequestExplanation,
  VERDICTS,
  type Verdict,
} from "./express/explanation.js";
export {
  type AppPrototypes,
  type ExpressServerOptions,
  expressServerOptions,
} from "./express/express-server-options.js";
export type { InvalidateCache } from "./express/invalidate-cache.js";
export type { ForgottenUrl, Invalidations } from "./express/invalidations.js";
export type { CreateLane, LaneApp } from "./express/lane.js";
export type { Observe } from "./express/observe.js";
export type {
  AsTenant,
  Because,
  InvalidateTouched,
  TouchedCall,
  TransactionCall,
} from "./express/touched.js";
export type { Track } from "./express/track-call.js";
export type { TenantId } from "./identifiers.js";
export type { Logger } from "./logger.js";
export type { MetricsHandlerOptions, MetricsOptions } from "./metrics/cache-metrics.js";
export type { MetricsRegistry } from "./metrics/prometheus.js";
export type { CreateOperations } from "./operations/create-operations.js";
export { PURGE_SCOPES, type PurgeEstimate, type PurgeScope } from "./operations/purge-target.js";
export type { PurgePlan, PurgeResult } from "./operations/purges.js";
export type { Alert, AlertRule, AlertThresholds } from "./ops/alert-rules.js";
export {
  CacheMonitor,
  type CacheMonitorEvents,
  type CacheMonitorOptions,
  type MonitorHealth,
} from "./ops/cache-monitor.js";
export type { MonitorFigures, RecentRates } from "./ops/monitor-figures.js";
export type { MonitorMetrics } from "./ops/monitor-metrics.js";
export { StalenessProbe, type StalenessProbeOptions } from "./ops/staleness-probe.js";
export type { AdviceOption } from "./options/advice-option.js";
export type { AuthorityRule } from "./options/authority-option.js";
export type { TenantCacheOptions } from "./options/cache-options.js";
export type { CausesOption } from "./options/causes-option.js";
export type {
  ConsoleAccess,
  ConsoleDecision,
  ConsoleHandler,
  ConsoleIdentity,
  ConsoleMonitor,
  ConsoleOptions,
  ConsoleRedirect,
  ConsoleWarmer,
  CreateConsole,
} from "./options/console-options.js";
export type {
  ConsoleAnswer,
  ConsoleHtml,
  ConsoleInsertion,
  ConsolePage,
  ConsolePageRequest,
} from "./options/console-pages.js";
export type { ExplainRequest } from "./options/explain-options.js";
export type { CacheFillOption, RouteFillOption } from "./options/fill-option.js";
export type { InvalidateOptions } from "./options/invalidate-options.js";
export type { LaneIdentity, LaneMiddleware, LaneOptions } from "./options/lane-options.js";
export type { MetricsOption } from "./options/metrics-option.js";
export type {
  OperatedRun,
  OperatedWarmer,
  OperationsAccess,
  OperationsOptions,
} from "./options/operations-options.js";
export type { GivenOrigin } from "./options/origin-option.js";
export type { OwnHeadersOption } from "./options/own-headers-option.js";
export type {
  CacheListOptions,
  HandlerAnswer,
  PrivateResponses,
  ReplicaOfRequest,
  Scope,
} from "./options/route-options.js";
export type { RequestPattern, RoutesOptions } from "./options/routes-options.js";
export type { Touched } from "./options/touched-arguments.js";
export type { TelemetryOptions } from "./peers.js";
export type { FeedDatabase } from "./queryable.js";
export type { SeenReads } from "./reads/seen-reads.js";
export type { CacheStats, ModuleStats, StatsFilter, StoreStats, TenantStats } from "./stats.js";
export * as fences from "./store/fence-format.js";
export type { KeySpace } from "./store/key-space.js";
export type * from "./store/keyed-store.js";
export { MemoryStore, type MemoryStoreOptions } from "./store/memory-store.js";
export type { UserNodeRedisClient, UserRedisClient } from "./store/redis/redis-client.js";
export type { RedisClusterOptions, RedisOption, RedisServerOptions } from "./store/redis/redis-option.js";
export * as redisUrls from "./store/redis/url-servers.js";
export type * from "./store/shared-notes.js";
export type { SharingTerms } from "./store/sharing-terms.js";
export type * from "./store/store.js";
export { GroupUnavailable, NotConnected, StoreFull } from "./store/store-errors.js";
export type * from "./store/store-report.js";
export { createTenantCache, type TenantCache } from "./tenant-cache.js";
export type { CacheManager } from "./toolkit/cache-manager.js";
export type { CacheSpace, SetItem } from "./toolkit/cache-space.js";
export type { Collection, CollectionItem, CollectionOptions } from "./toolkit/collection.js";
export { type Order, type Page, paginatedKey, sortedKey, timestampedKey } from "./toolkit/key-parts.js";
export type { KeyParams, KeyPattern } from "./toolkit/key-pattern.js";
export type { KeyBuilders, KeyRegistry } from "./toolkit/key-registry.js";
export type { Load } from "./toolkit/keyed-cache.js";
export type { LockOptions } from "./toolkit/locks.js";
export type { Looked } from "./toolkit/looked.js";
export type { CounterOptions } from "./toolkit/state-counters.js";
export type { PatternDeletion } from "./toolkit/toolkit-context.js";
export type {
  GetOrSetOptions,
  SetOnceOptions,
  SetOptions,
  Ttl,
  ValueOptions,
  ValueSchema,
} from "./toolkit/value-options.js";
export { TTL_PRESETS, type TtlPreset, type TtlPresetName } from "./ttl-presets.js";
export { TTL_SECONDS } from "./ttl-seconds.js";
export {
  CacheWarmer,
  type CacheWarmerEvents,
  type CacheWarmerOptions,
  type WarmRequest,
} from "./warmer/cache-warmer.js";
export type { WarmProgress, WarmResult } from "./warmer/warm-run.js";
export type { EntryStrategy, RouteStrategy, WarmStrategy, WarmTask } from "./warmer/warm-strategies.js";
