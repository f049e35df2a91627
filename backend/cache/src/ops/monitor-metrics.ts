// The monitor's figures under the names that Redis gives them, as operators' dashboards read them.
// Tests: test/integration/monitor.test.ts
import type { KeyspaceFigures } from "../store/store-report.js";
import type { Alert } from "./alert-rules.js";
import type { MonitorFigures, RecentRates } from "./monitor-figures.js";

/** `null` where the server does not say, or cannot be asked. */
export interface MonitorMetrics {
  readonly health: {
    readonly status: "healthy" | "degraded" | "unhealthy";
    readonly connected: boolean;
    /** Of one round trip, milliseconds. */
    readonly latency: number | null;
    readonly reconnectAttempts: number;
  };
  readonly memory: {
    readonly used_memory: number | null;
    readonly used_memory_human: string | null;
    readonly maxmemory: number | null;
    readonly mem_fragmentation_ratio: number | null;
  };
  readonly stats: {
    readonly total_commands_processed: number | null;
    readonly keyspace_hits: number | null;
    readonly keyspace_misses: number | null;
    readonly evicted_keys: number | null;
    readonly expired_keys: number | null;
  };
  readonly keyspace: Readonly<Record<string, KeyspaceFigures>> | null;
  readonly keyCount: number | null;
  /** This process's own, since it began. */
  readonly cacheManagerStats: {
    readonly hits: number;
    readonly misses: number;
    readonly sets: number;
    readonly deletes: number;
    /** Entries that made room for others of their tenant, because of `maxBytesPerTenant`. */
    readonly quotaEvictions: number;
    readonly errors: number;
    /** Between 0 and 1; `null` before the first lookup. */
    readonly hitRate: number | null;
  };
  readonly recent: RecentRates;
  readonly alerts: readonly Alert[];
  readonly timestamp: string;
}

export function metricsOf(figures: MonitorFigures, alerts: readonly Alert[]): MonitorMetrics {
  const { store, server, totals, recent, at } = figures;
  return {
    health: {
      status: store.connected ? (alerts.length > 0 ? "degraded" : "healthy") : "unhealthy",
      connected: store.connected,
      latency: store.latencyMs,
      reconnectAttempts: store.reconnectAttempts,
    },
    memory: {
      used_memory: server?.usedMemoryBytes ?? null,
      used_memory_human: human(server?.usedMemoryBytes ?? null),
      maxmemory: server?.maxMemoryBytes ?? null,
      mem_fragmentation_ratio: server?.fragmentationRatio ?? null,
    },
    stats: {
      total_commands_processed: server?.commandsProcessed ?? null,
      keyspace_hits: server?.keyspaceHits ?? null,
      keyspace_misses: server?.keyspaceMisses ?? null,
      evicted_keys: server?.evictedKeys ?? null,
      expired_keys: server?.expiredKeys ?? null,
    },
    keyspace: server?.keyspace ?? null,
    keyCount: server?.keys ?? null,
    cacheManagerStats: {
      hits: totals.hits,
      misses: totals.misses,
      sets: totals.sets,
      deletes: totals.invalidations,
      quotaEvictions: totals.quotaEvictions,
      errors: totals.errors,
      hitRate: totals.hitRatio,
    },
    recent,
    alerts,
    timestamp: at.toISOString(),
  };
}

/** As Redis writes it: `1.50M`. */
function human(bytes: number | null): string | null {
  if (bytes === null) return null;
  if (bytes < 1024) return `${bytes}B`;
  const units = ["K", "M", "G", "T"];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** power).toFixed(2)}${units[power - 1]}`;
}
