// Counters of what happened, for the process as a whole, each module and each tenant.
// Tests: test/unit/counters.test.ts, test/integration/monitor.test.ts, test/integration/toolkit-values.test.ts, test/integration/metrics.test.ts
import { BoundedMap, ownText } from "../bounded-map.js";
import type { BypassReason } from "../cache-status.js";
import { CAUSE_KINDS, type CauseKind, INVALIDATION_SCOPES, type InvalidationScope } from "../cause-origin.js";
import { Latencies } from "./latencies.js";

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

/** What is replayed was counted when it was asked for. */
const COUNTED_CAUSES = CAUSE_KINDS.filter((kind) => kind !== "recovery");

/** All reasons are there from the start: a rate needs a first value. */
const NO_BYPASSES: Readonly<Record<CountedBypass, 0>> = {
  "no-tenant": 0,
  "async-tenant": 0,
  disabled: 0,
  "no-module": 0,
  skipped: 0,
  range: 0,
  precondition: 0,
  "event-stream": 0,
  body: 0,
  authority: 0,
  params: 0,
  query: 0,
  "vary-by": 0,
  "too-long": 0,
  fragment: 0,
  scope: 0,
  "async-scope": 0,
  request: 0,
  "store-unavailable": 0,
  "write-pending": 0,
  "mutation-no-tenant": 0,
};

/**
 * - `hits`: answered from an entry, of which `stale` from one older than its TTL (also where the handler
 *   failed); `misses`: handed to the handler, of which `collapsed` were answered by another request's handler
 *   run
 * - `bypasses`: not looked up (no tenant, store away, guarded write under way, …)
 * - `sets`: entries stored; `fenced`: entries not stored because a mutation had overtaken their handler
 * - `quotaEvictions`: valid entries that made room for another of their tenant, because of
 *   `maxBytesPerTenant`; `quotaRefusals`: entries not stored, because they were larger than that or too
 *   little could make room
 * - `invalidations`: fences replaced, a module each; `deferredInvalidations`: those that had to wait for the
 *   store to come back
 * - `errors`: store operations that failed or ran out of time
 * - `alarms`: entries whose identity was not that of the request, entries that did not decode, and what no
 *   response or value has
 */
export type Counted = (typeof COUNTED)[number];

export type CounterReport = Readonly<Record<Counted, number>> & {
  /** hits / (hits + misses), between 0 and 1; `null` before the first of either. */
  readonly hitRatio: number | null;
};

/** What was invalidated in this process, and by whom: how often. */
export type InvalidationReport = Readonly<
  Partial<Record<InvalidationScope, Readonly<Partial<Record<CauseKind, number>>>>>
>;

export interface InvalidationCount {
  readonly scope: InvalidationScope;
  readonly cause: CauseKind;
  readonly count: number;
}

/** See `ops/staleness-probe.ts`. */
export interface ProbeFigures {
  readonly writes: number;
  readonly fresh: number;
  readonly stale: number;
  readonly failed: number;
  /** Since when reads of this process have been stale, seconds; 0 where the last one was fresh. */
  readonly staleSeconds: number;
}

export type Counts = Record<Counted, number>;
/** Also why a mutation was not heard of. */
export type CountedBypass = BypassReason | "mutation-no-tenant";

/** Of tenants' names and figures: of some ten thousand tenants that use a few modules. */
const MAX_TENANT_CHARACTERS = 12 * 1024 * 1024;
/** What the figures of one module take. */
const COUNTS_CHARACTERS = 200;
/** Seldom enough that a hit does not notice it. */
const YOUNG_AGAIN = 64;
/** Routes, and domains of the toolkit, which are parts of keys. */
const MAX_MODULES = 1000;

function zeros(): Counts {
  return Object.fromEntries(COUNTED.map((name) => [name, 0])) as Counts;
}

/** Of one tenant, or of all. */
export class ModuleCounts {
  readonly totals = zeros();
  readonly modules = new Map<string, Counts>();
  /**
   * How busy a tenant is, and up to how many of its requests that says, where it was looked at: see
   * `metrics/busiest-tenants.ts`.
   */
  score = 0;
  rated: number | undefined;
  /** What was counted since it was put in as the youngest. */
  sinceYoungest = 0;

  add(what: Counted, module: string | undefined, by: number): boolean {
    if (module !== undefined) {
      const counts = this.modules.get(module);
      if (counts) counts[what] += by;
      else if (this.modules.size < MAX_MODULES) return false;
    }
    this.totals[what] += by;
    return true;
  }

  open(module: string | undefined): this {
    if (module !== undefined && !this.modules.has(module)) this.modules.set(ownText(module), zeros());
    return this;
  }
}

/** Tenants are bounded by what they take, modules by their number: the rest is in the totals only. */
export class Counters {
  readonly since = new Date();
  /** @internal */
  readonly latencies = new Latencies();
  /** Hits that the in-process tier has answered. */
  localHits = 0;
  /** Hits that the lane has answered, and requests that it has passed to the app. */
  laneHits = 0;
  lanePassed = 0;
  /** What a staleness probe has found; absent where none runs. */
  probe: ProbeFigures | undefined;
  /** All pairs are there from the start: a rate needs a first value, and who purges everything does so once. */
  readonly #invalidations = INVALIDATION_SCOPES.flatMap((scope) =>
    COUNTED_CAUSES.map((cause) => ({ scope, cause, count: 0 })),
  );
  readonly #reasons = new Map(Object.entries(NO_BYPASSES)) as Map<CountedBypass, number>;
  /** Of the modules that are counted. */
  readonly #moduleReasons = new Map<string, Map<CountedBypass, number>>();
  readonly #all = new ModuleCounts();
  readonly #tenants = new BoundedMap<ModuleCounts>({
    maxCharacters: MAX_TENANT_CHARACTERS,
    maxEntryCharacters: MAX_TENANT_CHARACTERS / 10,
    charactersOf: ({ modules }) => (1 + modules.size) * COUNTS_CHARACTERS,
  });

  add(what: Counted, tenant?: string, module?: string, by = 1): void {
    if (!this.#all.add(what, module, by)) this.#all.open(module).add(what, module, by);
    if (tenant === undefined) return;
    const counts = this.#tenants.get(tenant);
    if (counts?.add(what, module, by)) {
      if (this.#tenants.isHalfFull && ++counts.sinceYoungest >= YOUNG_AGAIN) this.#keep(tenant, counts);
      return;
    }
    // Out before it grows, and in again: a map that is bounded must know what its entries take.
    this.#tenants.delete(tenant);
    const opened = (counts ?? new ModuleCounts()).open(module);
    opened.add(what, module, by);
    this.#tenants.set(tenant, opened);
  }

  /** Where there are too many tenants, those are forgotten that do little, and not those that came first: they are the busiest. */
  #keep(tenant: string, counts: ModuleCounts): void {
    counts.sinceYoungest = 0;
    this.#tenants.set(tenant, counts);
  }

  /** A request, or a read of the toolkit, is not looked up. */
  bypassed(reason: CountedBypass, tenant?: string, module?: string): void {
    this.add("bypasses", tenant, module);
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    if (module === undefined || !this.#all.modules.has(module)) return;
    let reasons = this.#moduleReasons.get(module);
    if (!reasons) {
      reasons = new Map();
      this.#moduleReasons.set(ownText(module), reasons);
    }
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }

  /** Something is invalidated, however many fences that takes. */
  invalidated(scope: InvalidationScope, cause: CauseKind): void {
    const counted = this.#invalidations.find((each) => each.scope === scope && each.cause === cause);
    if (counted) counted.count++;
  }

  get invalidations(): readonly InvalidationCount[] {
    return this.#invalidations;
  }

  /** The same without what did not happen. */
  invalidationReport(): InvalidationReport {
    const report: Partial<Record<InvalidationScope, Partial<Record<CauseKind, number>>>> = {};
    for (const { scope, cause, count } of this.#invalidations)
      if (count > 0) report[scope] = { ...report[scope], [cause]: count };
    return report;
  }

  /** The same of one module, where it is there. */
  reasonsOf(module: string): ReadonlyMap<CountedBypass, number> {
    return this.#moduleReasons.get(module) ?? new Map();
  }

  /** Of `bypasses`, how many for which reason. */
  get reasons(): ReadonlyMap<CountedBypass, number> {
    return this.#reasons;
  }

  /** As they are counted: for whoever reads them often. */
  get all(): ModuleCounts {
    return this.#all;
  }

  /** Of the tenants that are remembered, as they are counted. */
  eachTenant(): IterableIterator<[string, ModuleCounts]> {
    return this.#tenants.entries();
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

/** Of all of them together. */
export function sumOfReports(reports: readonly CounterReport[]): CounterReport {
  const sum = zeros();
  for (const report of reports) for (const name of COUNTED) sum[name] += report[name];
  return withRatio(sum);
}

function withRatio(counts: Counts): CounterReport {
  const lookups = counts.hits + counts.misses;
  return { ...counts, hitRatio: lookups === 0 ? null : counts.hits / lookups };
}
