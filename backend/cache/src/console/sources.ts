// Where the console's figures come from: the cache's stats, its counters, the app's monitor and warmer. Nothing is counted here.
// Tests: test/integration/console-pages.test.ts
import { BoundedMap } from "../bounded-map.js";
import type { CacheEngine } from "../engine/cache-engine.js";
import { type CounterReport, sumOfReports } from "../engine/counters.js";
import type { TenantId } from "../identifiers.js";
import type { Access } from "../operations/access.js";
import { WarmRuns } from "../operations/warm-runs.js";
import type { CacheMonitor } from "../ops/cache-monitor.js";
import type { CacheStats, StoreStats, TenantStats } from "../stats.js";
import { storeStats } from "../stats.js";
import { engineOf, type TenantCache } from "../tenant-cache.js";
import { monotonicNow } from "../timers.js";
import type { CacheWarmer } from "../warmer/cache-warmer.js";
import { History } from "./history.js";
import { sumOfModules } from "./sums.js";

/** An inventory walks through entries: many readers are to cost one, and a slow one is not taken again at once. */
const REMEMBERED_MS = 5000;
const REMEMBERED_TIMES = 2;
/** More are not asked for one by one: each would be a round trip and a walk through its entries, all at once. */
const MAX_ASKED_EACH = 20;

/** What the chart and the tiles show, and what is asked for again and again: without a round trip. */
export interface Figures {
  readonly totals: CounterReport;
  readonly store: Pick<StoreStats, "kind" | "circuit" | "connected" | "latencyMs">;
}

interface Remembered {
  /** Until when it is the answer; for as long as it is taken, whatever that takes. */
  untilMs: number;
  readonly stats: Promise<CacheStats>;
}

export class Sources {
  readonly cache: TenantCache;
  readonly engine: CacheEngine;
  readonly monitor: CacheMonitor;
  readonly history: History;
  readonly warmRuns: WarmRuns | undefined;
  readonly #stats = new BoundedMap<Remembered>({ maxCharacters: 1024 * 1024, maxEntries: 100 });

  constructor(cache: TenantCache, monitor: CacheMonitor, warmer: CacheWarmer | undefined) {
    this.cache = cache;
    this.engine = engineOf(cache);
    this.monitor = monitor;
    this.history = new History(monitor);
    this.warmRuns = warmer && new WarmRuns(warmer);
  }

  figures(access: Access): Figures {
    const { kind, circuit, connected, latencyMs } = storeStats(this.engine);
    const { counters } = this.engine;
    const totals = access.seesAll
      ? counters.report().totals
      : sumOfReports(access.own.map((tenant) => counters.report(tenant).totals));
    return { totals, store: { kind, circuit, connected, latencyMs } };
  }

  /** Of all tenants: for whoever sees all. Whether the store is in use is known at once. */
  async whole(): Promise<CacheStats> {
    const stats = await this.#remembered("", () => this.cache.stats({ perTenant: true }));
    return { ...stats, store: storeStats(this.engine) };
  }

  /** By tenant, of those that this person sees. */
  async tenants(access: Access): Promise<ReadonlyMap<string, TenantStats>> {
    if (access.seesAll || access.own.length > MAX_ASKED_EACH) {
      const all = Object.entries((await this.whole()).tenants ?? {});
      return new Map(all.filter(([tenant]) => access.sees(tenant)));
    }
    const own = access.own.map(async (tenant) => [tenant, await this.tenant(tenant)] as const);
    return new Map(await Promise.all(own));
  }

  /** Of one tenant, or of all. */
  stats({ tenantId }: { readonly tenantId?: TenantId } = {}): Promise<CacheStats> {
    return tenantId === undefined
      ? this.whole()
      : this.#remembered(String(tenantId), () => this.cache.stats({ tenantId }));
  }

  async tenant(tenant: string): Promise<TenantStats> {
    const { totals, modules, quotaBytes = null } = await this.stats({ tenantId: tenant });
    return { ...totals, quotaBytes, modules };
  }

  /** By module, over the tenants that this person sees. */
  async modules(access: Access): Promise<CacheStats["modules"]> {
    if (access.seesAll) return (await this.whole()).modules;
    const tenants = await this.tenants(access);
    return sumOfModules([...tenants.values()].map(({ modules }) => modules));
  }

  /** After a purge, so that the next page shows what is left. */
  forgetStats(): void {
    for (const key of [...this.#stats.keys()]) this.#stats.delete(key);
  }

  #remembered(key: string, ask: () => Promise<CacheStats>): Promise<CacheStats> {
    const known = this.#stats.get(key);
    if (known && monotonicNow() < known.untilMs) return known.stats;
    const beganAtMs = monotonicNow();
    const stats = ask();
    const remembered: Remembered = { untilMs: Number.POSITIVE_INFINITY, stats };
    this.#stats.set(key, remembered);
    const isThere = () => {
      const nowMs = monotonicNow();
      remembered.untilMs = nowMs + Math.max(REMEMBERED_MS, REMEMBERED_TIMES * (nowMs - beganAtMs));
    };
    // It never rejects; if it did, it would be asked again.
    stats.then(isThere, isThere);
    return stats;
  }
}
