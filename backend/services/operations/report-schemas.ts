// What health and cache reports hold, as schemas. Their types are the library's: a field that comes or goes there does not compile here.
// Tests: test/http/openapi-contract.test.ts, test/http/cache-operations.test.ts
import type {
  CacheStats,
  CounterReport,
  FeedReport,
  MonitorMetrics,
  ServerReport,
  StoreStats,
} from "express-tenant-cache";
import * as z from "zod";
import { named } from "../../http/openapi/named-schemas.js";

const known = z.number().nullable();
const instant = z.iso.datetime();

const counterFields = {
  hits: z.int(),
  stale: z.int(),
  misses: z.int(),
  collapsed: z.int(),
  bypasses: z.int(),
  sets: z.int(),
  fenced: z.int(),
  quotaEvictions: z.int(),
  quotaRefusals: z.int(),
  invalidations: z.int(),
  deferredInvalidations: z.int(),
  errors: z.int(),
  alarms: z.int(),
  hitRatio: known,
} satisfies Record<keyof CounterReport, z.ZodType>;

const storeFields = {
  kind: z.string(),
  circuit: z.enum(["closed", "half-open", "open"]),
  connected: z.boolean(),
  reason: z.string().nullable(),
  latencyMs: known,
  reconnectAttempts: z.int(),
  pendingInvalidations: z.int(),
  replayedInvalidations: z.int(),
  pendingSweeps: z.int(),
  sweptKeys: z.int(),
  fillsInFlight: z.int(),
} satisfies Record<keyof StoreStats, z.ZodType>;

const keyspace = z.record(z.string(), z.strictObject({ keys: z.int(), expires: z.int() })).nullable();

const serverReport = z.strictObject({
  version: z.string().nullable(),
  usedMemoryBytes: known,
  maxMemoryBytes: known,
  evictedKeys: known,
  expiredKeys: known,
  keys: known,
  uptimeSeconds: known,
  connectedClients: known,
  fragmentationRatio: known,
  commandsProcessed: known,
  keyspaceHits: known,
  keyspaceMisses: known,
  keyspace,
} satisfies Record<keyof ServerReport, z.ZodType>);

const moduleStats = named("ModuleStats", z.strictObject({ ...counterFields, entries: known, bytes: known }));
const modules = z.record(z.string(), moduleStats);

const feedReport = named(
  "FeedReport",
  z.strictObject({
    state: z.enum(["draining", "ready", "asleep", "away"]),
    reason: z.string().nullable(),
    delayMs: z.strictObject({ p50: z.number(), p99: z.number() }).nullable(),
    tokenAgeMs: known,
    leaseAgeMs: known,
    uncoveredTables: z.array(z.string()),
    fenced: z.int(),
    epochs: z.int(),
    spared: z.int(),
  } satisfies Record<keyof FeedReport, z.ZodType>),
);

export const cacheStats = named(
  "CacheStats",
  z.strictObject({
    since: instant,
    uptimeSeconds: z.int(),
    totals: moduleStats,
    modules,
    tenants: z
      .record(z.string(), z.strictObject({ ...moduleStats.shape, quotaBytes: known, modules }))
      .optional(),
    maxBytesPerTenant: known,
    quotaBytes: known.optional(),
    inventoryComplete: z.boolean(),
    inventoryAgeSeconds: z.int().nullable(),
    encryption: z.strictObject({ keyId: z.string(), seals: z.int() }).nullable(),
    feed: feedReport.nullable(),
    invalidations: z.record(z.string(), z.record(z.string(), z.int())).optional(),
    store: z.strictObject(storeFields),
    server: serverReport.nullable(),
  } satisfies Record<keyof CacheStats, z.ZodType>),
);

const alert = z.strictObject({ name: z.string(), message: z.string(), since: instant });

/** `GET /api/cache/metrics` */
export const cacheMetrics = named(
  "CacheMetrics",
  z.strictObject({
    health: z.strictObject({
      status: z.enum(["healthy", "degraded", "unhealthy"]),
      connected: z.boolean(),
      latency: known,
      reconnectAttempts: z.int(),
    }),
    memory: z.strictObject({
      used_memory: known,
      used_memory_human: z.string().nullable(),
      maxmemory: known,
      mem_fragmentation_ratio: known,
    }),
    stats: z.strictObject({
      total_commands_processed: known,
      keyspace_hits: known,
      keyspace_misses: known,
      evicted_keys: known,
      expired_keys: known,
    }),
    keyspace,
    keyCount: known,
    cacheManagerStats: z.strictObject({
      hits: z.int(),
      misses: z.int(),
      sets: z.int(),
      deletes: z.int(),
      quotaEvictions: z.int(),
      errors: z.int(),
      hitRate: known,
    }),
    recent: z.strictObject({
      seconds: z.number(),
      lookups: z.int(),
      hitRatio: known,
      errorRate: known,
      evictionsPerSecond: known,
      commandsPerSecond: known,
    }),
    alerts: z.array(alert),
    timestamp: instant,
    views: z.array(z.strictObject({ key: z.string(), reads: z.int(), loads: z.int() })),
  } satisfies Record<keyof MonitorMetrics | "views", z.ZodType>),
);

/** `POST /api/cache/warm` */
export const warmAnswer = z.strictObject({
  results: z.array(
    z.strictObject({
      plan: z.string(),
      warmed: z.int(),
      failed: z.int(),
      error: z.string().nullable(),
    }),
  ),
  duration_ms: z.int(),
  timestamp: instant,
});

const overall = z.enum(["ok", "degraded", "unavailable"]);
const databaseStatus = z.enum(["ok", "no-writes", "unavailable"]);

/** `GET /api/system/health`: who may see less gets statuses alone. */
export const systemHealth = named(
  "SystemHealth",
  z.strictObject({
    status: overall,
    checks: z.strictObject({
      process: z.strictObject({
        status: z.enum(["ok", "draining"]),
        uptimeSeconds: z.int().optional(),
      }),
      database: z.strictObject({
        status: databaseStatus,
        latencyMs: known.optional(),
        reason: z.string().nullable().optional(),
      }),
      state: z
        .strictObject({ status: z.enum(["ok", "away"]), reason: z.string().nullable().optional() })
        .optional(),
      cache: z.strictObject({
        status: z.enum(["ok", "away"]),
        ...z.strictObject(storeFields).partial().shape,
      }),
    }),
  }),
);

const connection = z.enum(["connected", "disconnected"]);

/** `GET /health`, under the names that operators' dashboards read. */
export const operatorHealth = named(
  "OperatorHealth",
  z.strictObject({
    status: overall,
    timestamp: instant,
    uptime: z.int().optional(),
    database: z.strictObject({
      status: databaseStatus,
      latency: known.optional(),
      reason: z.string().nullable().optional(),
    }),
    state: z.strictObject({ status: connection, reason: z.string().nullable().optional() }).optional(),
    cache: z.strictObject({
      status: connection,
      connected: z.boolean(),
      latency: known.optional(),
      hits: z.int().optional(),
      misses: z.int().optional(),
      sets: z.int().optional(),
      deletes: z.int().optional(),
      quota_evictions: z.int().optional(),
      errors: z.int().optional(),
      hit_ratio: known.optional(),
      alerts: z.array(alert.omit({ since: true })).optional(),
      server: z
        .strictObject({
          version: z.string().nullable(),
          uptime_in_seconds: known,
          connected_clients: known,
          used_memory: known,
          used_memory_human: z.string().nullable(),
        })
        .nullable()
        .optional(),
    }),
  }),
);
