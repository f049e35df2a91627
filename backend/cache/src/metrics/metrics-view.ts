// What one scrape sees: the engine's figures at one moment, with modules and tenants bounded.
// Tests: test/integration/metrics.test.ts
import type { CacheEngine } from "../engine/cache-engine.js";
import type { Counts } from "../engine/counters.js";
import type { Reported } from "../engine/last-report.js";
import type { ServerReport } from "../store/store-report.js";
import { monotonicNow } from "../timers.js";
import { BusiestTenants, type CountedTenant, OTHER } from "./busiest-tenants.js";

interface Held {
  entries: number;
  bytes: number;
}

export interface MetricsView {
  readonly engine: CacheEngine;
  /** The modules that came first, and {@link OTHER}: all further ones, and what concerns none. */
  readonly modules: readonly (readonly [module: string, counts: Readonly<Counts>])[];
  readonly tenants: readonly CountedTenant[];
  /** In the store, by the last inventory. */
  readonly held: readonly (readonly [module: string, held: Held])[];
  readonly server: ServerReport | null | undefined;
  /** How old a report is, seconds. */
  readonly ageOf: (reported: Reported<unknown> | undefined) => number | undefined;
}

export class MetricsViews {
  readonly busiest: BusiestTenants;
  readonly #engine: CacheEngine;
  readonly #maxModules: number;
  #view: MetricsView | undefined;

  constructor(engine: CacheEngine, bounds: { readonly maxTenants: number; readonly maxModules: number }) {
    this.#engine = engine;
    this.#maxModules = bounds.maxModules;
    this.busiest = new BusiestTenants(engine.counters, bounds.maxTenants);
  }

  /** The same for all figures that are read at once. */
  now(): MetricsView {
    if (!this.#view) {
      this.#view = this.#look();
      void Promise.resolve().then(() => {
        this.#view = undefined;
      });
    }
    return this.#view;
  }

  #look(): MetricsView {
    const engine = this.#engine;
    const nowMs = monotonicNow();
    return {
      engine,
      modules: this.#modules(),
      tenants: this.busiest.read(),
      held: this.#held(),
      server: engine.lastReport.server?.value,
      ageOf: (reported) => reported && (nowMs - reported.atMs) / 1000,
    };
  }

  /** The first that were counted keep their names: no series ever moves. */
  #modules(): (readonly [string, Counts])[] {
    const { totals, modules } = this.#engine.counters.all;
    const rest = { ...totals };
    const rows: (readonly [string, Counts])[] = [];
    for (const [module, counts] of modules) {
      if (rows.length === this.#maxModules) break;
      if (module === OTHER) continue;
      rows.push([module, counts]);
      for (const name of Object.keys(rest) as (keyof Counts)[]) rest[name] -= counts[name];
    }
    rows.push([OTHER, rest]);
    return rows;
  }

  #held(): (readonly [string, Held])[] {
    const inventory = this.#engine.lastReport.counted?.value;
    if (!inventory) return [];
    const named = new Map<string, Held>();
    for (const { module, entries, bytes } of inventory.rows) {
      const isNamed = module !== OTHER && (named.has(module) || named.size < this.#maxModules);
      const name = isNamed ? module : OTHER;
      const held = named.get(name) ?? { entries: 0, bytes: 0 };
      held.entries += entries;
      held.bytes += bytes;
      named.set(name, held);
    }
    return [...named];
  }
}
