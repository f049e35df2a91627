// Counters of what happened, for the process as a whole, each module and each tenant.
import { BoundedMap } from "../bounded-map.js";

const COUNTED = [
  "hits",
  "stale",
  "misses",
  "collapsed",
  "bypasses",
  "sets",
  "fenced",
  "quotaEvictions",
  "quotaRefusals",
  "invalidations",
  "deferredInvalidations",
  "errors",
  "alarms",
] as const;

/**
 * - `hits`: answered from an entry, of which `stale` from one older than its TTL (also where the handler failed); `misses`: handed to the handler, of which `collapsed` were answered by another request's handler run
 * - `bypasses`: not looked up (no tenant, store away, guarded write under way, …)
 * - `sets`: entries stored; `fenced`: entries not stored because a mutation had overtaken their handler
 * - `quotaEvictions`: valid entries that made room for another of their tenant, because of `maxBytesPerTenant`; `quotaRefusals`: entries
 *   not stored, because they were larger than that or too little could make room
 * - `invalidations`: fences replaced, a module each; `deferredInvalidations`: those that had to wait for the store to come back
 * - `errors`: store operations that failed or ran out of time
 * - `alarms`: entries whose identity was not that of the request, and entries that did not decode
 */
export type Counted = (typeof COUNTED)[number];

export type CounterReport = Readonly<Record<Counted, number>> & {
  /** hits / (hits + misses), between 0 and 1; `null` before the first of either. */
  readonly hitRatio: number | null;
};

type Counts = Record<Counted, number>;

const MAX_TENANTS = 10_000;

function zeros(): Counts {
  return Object.fromEntries(COUNTED.map((name) => [name, 0])) as Counts;
}

class ModuleCounts {
  readonly totals = zeros();
  readonly modules = new Map<string, Counts>();

  add(what: Counted, module: string | undefined, by: number): void {
    this.totals[what] += by;
    if (module === undefined) return;
    let counts = this.modules.get(module);
    if (!counts) {
      counts = zeros();
      this.modules.set(module, counts);
    }
    counts[what] += by;
  }
}

/** Modules are bounded by the routes that exist, tenants by their number, 10,000: the rest is in the totals only. */
export class Counters {
  readonly since = new Date();
  readonly #all = new ModuleCounts();
  readonly #tenants = new BoundedMap<string, ModuleCounts>(MAX_TENANTS);

  add(what: Counted, tenant?: string, module?: string, by = 1): void {
    this.#all.add(what, module, by);
    if (tenant === undefined) return;
    let counts = this.#tenants.get(tenant);
    if (!counts) {
      counts = new ModuleCounts();
      this.#tenants.set(tenant, counts);
    }
    counts.add(what, module, by);
  }

  /** Totals and modules of one tenant, or of all. */
  report(tenant?: string): { totals: CounterReport; modules: Record<string, CounterReport> } {
    const counts = tenant === undefined ? this.#all : (this.#tenants.get(tenant) ?? new ModuleCounts());
    const modules = [...counts.modules].map(([module, of]) => [module, withRatio(of)] as const);
    return { totals: withRatio(counts.totals), modules: Object.fromEntries(modules) };
  }

  tenants(): string[] {
    return [...this.#tenants.keys()];
  }
}

function withRatio(counts: Counts): CounterReport {
  const lookups = counts.hits + counts.misses;
  return { ...counts, hitRatio: lookups === 0 ? null : counts.hits / lookups };
}
