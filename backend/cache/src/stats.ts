// The stats report: what happened since the process began, what the store holds, and how it is.
// Tests: test/integration/monitor.test.ts, test/integration/tenant-inventory.test.ts

import * as z from "zod";
import type { SealCount } from "./codec/encryption.js";
import type { CacheEngine } from "./engine/cache-engine.js";
import type { CounterReport, InvalidationReport } from "./engine/counters.js";
import type { FeedReport } from "./engine/feeds.js";
import type { CircuitState } from "./engine/gate-options.js";
import { requireTenantId, type TenantId } from "./identifiers.js";
import { parse, registerCall } from "./options/parse.js";
import { HeldEntries } from "./store/held-entries.js";
import type { Inventory, ServerReport } from "./store/store-report.js";
import { monotonicNow, nextTurn } from "./timers.js";

export interface StatsFilter {
  /** Only this tenant's figures. */
  readonly tenantId?: TenantId;
  /**
   * Also a breakdown by tenant; figures of all tenants, so only for whoever may see them. 10,000 at most: those that
   * this process counts, and then those that hold the most bytes.
   */
  readonly perTenant?: boolean;
  /**
   * Default true. False: the store is not asked what it holds, which asks for the size of each entry; `entries` and
   * `bytes` are `null` then. For whoever asks often.
   */
  readonly sizes?: boolean;
}

/** With the tenant's id as keys have it. */
type ParsedStatsFilter = Omit<z.output<typeof statsFilter>, "tenantId"> & { readonly tenantId?: string };

const statsFilter = z.strictObject({
  tenantId: z
    .custom<TenantId>((id) => ["string", "number", "bigint"].includes(typeof id))
    .describe("a string or a whole number")
    .optional(),
  perTenant: z.boolean().default(false),
  sizes: z.boolean().default(true),
});

registerCall("stats", "stats({ tenantId })", statsFilter);

/**
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TENANT_ID`
 * @internal
 */
export function parseStatsFilter(filter: unknown): ParsedStatsFilter {
  const { tenantId, ...more } = parse("stats", statsFilter, filter);
  return tenantId === undefined ? more : { ...more, tenantId: requireTenantId(tenantId, "stats") };
}

export type ModuleStats = CounterReport & {
  /** In the store now; `null` where it cannot be asked, or is not. */
  readonly entries: number | null;
  readonly bytes: number | null;
};

export type TenantStats = ModuleStats & {
  /** What its entries count against `maxBytesPerTenant`; `null` where the store cannot be asked. */
  readonly quotaBytes: number | null;
  readonly modules: Readonly<Record<string, ModuleStats>>;
};

export interface CacheStats {
  /**
   * When counting began: this process's start. Counters are this process's, entries and server figures the
   * store's.
   */
  readonly since: string;
  readonly uptimeSeconds: number;
  readonly totals: ModuleStats;
  readonly modules: Readonly<Record<string, ModuleStats>>;
  readonly tenants?: Readonly<Record<string, TenantStats>>;
  /** What the entries of one tenant may count in the store; `null` where that is not bounded. */
  readonly maxBytesPerTenant: number | null;
  /** Where one tenant was asked for: what its entries count; `null` where the store cannot be asked. */
  readonly quotaBytes?: number | null;
  /** False where the store holds too many keys to count them all: entries and bytes are then lower bounds. */
  readonly inventoryComplete: boolean;
  /**
   * How old entries and bytes are. 0 where they were counted for this report; up to two minutes, or ten where nobody has asked meanwhile, where
   * there are too many to count them all; `null` where they were not counted.
   */
  readonly inventoryAgeSeconds: number | null;
  /**
   * Of the key that seals, how many values this process has sealed with it; `null` without the option
   * `encryption`.
   */
  readonly encryption: SealCount | null;
  /** Of writes past the API, in this process; `null` without the option `feed`. */
  readonly feed: FeedReport | null;
  /**
   * Of all tenants together, in this process: what was invalidated, by how much it was to reach and who did it. One for each call or
   * mutation, however many fences it replaced. Absent where one tenant was asked for.
   */
  readonly invalidations?: InvalidationReport;
  readonly store: StoreStats;
  readonly server: ServerReport | null;
}

export interface StoreStats {
  readonly kind: string;
  /** `closed`: in use. `open`: away, requests go to their handlers. `half-open`: being tried again. */
  readonly circuit: CircuitState;
  readonly connected: boolean;
  /**
   * Why the store is away, or, while it is in use, what it cannot do; `null` where nothing is wrong. Names no
   * key.
   */
  readonly reason: string | null;
  /** Of one round trip now, milliseconds; `null` where the store cannot be reached. */
  readonly latencyMs: number | null;
  /** Connections that were tried since the last one was lost; 0 while connected. */
  readonly reconnectAttempts: number;
  readonly pendingInvalidations: number;
  readonly replayedInvalidations: number;
  readonly pendingSweeps: number;
  readonly sweptKeys: number;
  readonly fillsInFlight: number;
}

const MAX_TENANTS = 10_000;
/** Some two milliseconds of this process's time. */
const TENANTS_OF_A_TURN = 100;
const NOTHING: Taken = { inventory: { rows: [], complete: false }, ageMs: null };

interface Taken {
  readonly inventory: Inventory;
  readonly ageMs: number | null;
}

async function ofTenant({ inventories }: CacheEngine, tenant: string): Promise<Taken> {
  return { inventory: await inventories.of(tenant), ageMs: 0 };
}

/**
 * Asks the store too, which takes longer than a request may: for operators, not for the hot path. Never
 * rejects.
 * @internal
 */
export async function collectStats(engine: CacheEngine, filter: ParsedStatsFilter): Promise<CacheStats> {
  const { store, counters } = engine;
  const tenant = filter.tenantId;
  const latencyMs = await measureLatency(engine);
  const reachable = latencyMs !== null;
  const isSized = reachable && filter.sizes;
  const { inventories } = engine;
  const [{ inventory, ageMs }, server] = await Promise.all([
    isSized
      ? ask<Taken>(tenant === undefined ? inventories.whole() : ofTenant(engine, tenant), NOTHING)
      : NOTHING,
    reachable ? ask(store.serverReport(), null) : null,
  ]);
  const entries = HeldEntries.in(inventory);
  const none = counters.report("").totals;
  const held = (of: string | undefined, module?: string) => (isSized ? entries.of(of, module) : UNKNOWN);
  const modulesOf = (of: string | undefined, counted = counters.report(of).modules) => {
    const names = new Set([...Object.keys(counted), ...entries.modulesOf(of)]);
    return Object.fromEntries(
      [...names].sort().map((module) => [module, { ...(counted[module] ?? none), ...held(of, module) }]),
    );
  };
  const ids = new Set(tenant === undefined ? [] : [tenant]);
  if (filter.perTenant && tenant === undefined)
    for (const id of [...counters.tenants(), ...entries.tenants].slice(0, MAX_TENANTS)) ids.add(id);
  const known = reachable ? await ask(inventories.bytesOf([...ids]), []) : [];
  const tenants: [string, TenantStats][] = [];
  for (const [index, id] of [...ids].entries()) {
    // Requests of this process are not to wait until ten thousand tenants have been reported on.
    if (index % TENANTS_OF_A_TURN === TENANTS_OF_A_TURN - 1) await nextTurn();
    const { totals, modules } = counters.report(id);
    const quotaBytes = known[index] ?? null;
    tenants.push([id, { ...totals, ...held(id), quotaBytes, modules: modulesOf(id, modules) }]);
  }
  return {
    since: counters.since.toISOString(),
    uptimeSeconds: Math.round((Date.now() - counters.since.getTime()) / 1000),
    totals: { ...counters.report(tenant).totals, ...held(tenant) },
    modules: modulesOf(tenant),
    ...(filter.perTenant && { tenants: Object.fromEntries(tenants) }),
    maxBytesPerTenant: Number.isFinite(engine.maxTenantBytes) ? engine.maxTenantBytes : null,
    ...(tenant !== undefined && { quotaBytes: known[0] ?? null }),
    inventoryComplete: isSized && inventory.complete,
    inventoryAgeSeconds: isSized && ageMs !== null ? Math.round(ageMs / 1000) : null,
    encryption: engine.sealed,
    feed: engine.feed?.report() ?? null,
    ...(tenant === undefined && { invalidations: counters.invalidationReport() }),
    store: storeStats(engine, latencyMs),
    server,
  };
}

/**
 * The part that needs no round trip, with the latency of the last probe.
 * @internal
 */
export function storeStats(engine: CacheEngine, latencyMs = engine.gate.latencyMs): StoreStats {
  const { gate } = engine;
  return {
    kind: engine.store.kind,
    circuit: gate.state,
    connected: gate.state === "closed",
    reason: gate.reason,
    latencyMs: latencyMs === null ? null : Math.round(latencyMs * 1000) / 1000,
    reconnectAttempts: engine.store.reconnectAttempts ?? 0,
    pendingInvalidations: gate.missed.pending,
    replayedInvalidations: gate.missed.replayed,
    pendingSweeps: engine.pendingSweeps,
    sweptKeys: engine.sweptKeys,
    fillsInFlight: engine.fillsInFlight,
  };
}

/** The figures without the inventory: a few small commands, so that they can be asked for often. */
export interface QuickStats {
  readonly totals: CounterReport;
  readonly store: StoreStats;
  readonly server: ServerReport | null;
}

/**
 * Never rejects.
 * @internal
 */
export async function quickStats(engine: CacheEngine): Promise<QuickStats> {
  const latencyMs = await measureLatency(engine);
  const server = latencyMs === null ? null : await ask(engine.store.serverReport(), null);
  engine.lastReport.tookServer(server, latencyMs);
  return { totals: engine.counters.report().totals, store: storeStats(engine, latencyMs), server };
}

async function measureLatency(engine: CacheEngine): Promise<number | null> {
  const startedAtMs = monotonicNow();
  try {
    await engine.gate.run(() => engine.store.ping());
    return monotonicNow() - startedAtMs;
  } catch {
    return null;
  }
}

async function ask<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await answer;
  } catch {
    return otherwise;
  }
}

const UNKNOWN = { entries: null, bytes: null } as const;
