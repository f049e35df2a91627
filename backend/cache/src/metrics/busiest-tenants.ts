// Which tenants have a name in metrics: the busiest ones; all others are one, so that series stay few.
// Tests: test/unit/busiest-tenants.test.ts
import type { Counters, Counts, ModuleCounts } from "../engine/counters.js";
import { monotonicNow } from "../timers.js";

/** The name of all that have none. No tenant is named so. */
export const OTHER = "other";
/** In this time what somebody did counts half. */
const HALF_LIFE_MS = 600_000;
const REPLACED_AFTER_MS = 60_000;
/** Of the names, how many change hands at a time. */
const REPLACED_SHARE = 0.25;
/** How much busier whoever takes a name must be, so that two of a kind do not take turns. */
const BUSIER = 1.2;

export type CountedTenant = readonly [tenant: string, counts: Counts];

interface Named {
  readonly counts: ModuleCounts;
  /** What had been counted when it got its name. */
  readonly before: Counts;
  /** What was last told under its name. */
  shown: Counts;
}

interface Candidate {
  readonly tenant: string;
  readonly counts: ModuleCounts;
  /** Nothing of it has been shown among the rest. */
  readonly isNew: boolean;
}

/**
 * All that is counted is in exactly one series, and none goes down but by starting anew, whoever is named
 * when: a tenant's series begins with what has not been shown among the rest, and what was counted under a name that was given up does
 * not come back into the rest.
 */
export class BusiestTenants {
  readonly #counters: Counters;
  readonly #most: number;
  readonly #now: () => number;
  readonly #named = new Map<string, Named>();
  readonly #retired: Counts;
  #ratedAtMs: number;
  #replacedAtMs: number;

  /** @param now the clock, which tests turn */
  constructor(counters: Counters, most: number, now: () => number = monotonicNow) {
    this.#counters = counters;
    this.#most = most;
    this.#now = now;
    this.#retired = difference(counters.all.totals, counters.all.totals);
    this.#ratedAtMs = now();
    this.#replacedAtMs = this.#ratedAtMs;
  }

  get names(): readonly string[] {
    return [...this.#named.keys()];
  }

  /** The named ones, and {@link OTHER}. */
  read(): CountedTenant[] {
    this.#choose();
    const rest = difference(this.#counters.all.totals, this.#retired);
    const rows: CountedTenant[] = [];
    for (const [tenant, named] of this.#named) {
      named.shown = difference(named.counts.totals, named.before);
      subtract(rest, named.shown);
      rows.push([tenant, named.shown]);
    }
    rows.push([OTHER, rest]);
    return rows;
  }

  #choose(): void {
    const nowMs = this.#now();
    const kept = 0.5 ** ((nowMs - this.#ratedAtMs) / HALF_LIFE_MS);
    this.#ratedAtMs = nowMs;
    const isDue = nowMs - this.#replacedAtMs >= REPLACED_AFTER_MS;
    const alive = new Set<ModuleCounts>();
    const best = new Best(this.#most);
    for (const [tenant, counts] of this.#counters.eachTenant()) {
      const isNew = counts.rated === undefined;
      rate(counts, kept);
      if (this.#named.get(tenant)?.counts === counts) alive.add(counts);
      else if (counts.score > 0 && tenant !== OTHER) best.offer({ tenant, counts, isNew });
    }
    // Forgotten by the counters: if it comes back, it is counted anew.
    for (const [tenant, { counts }] of this.#named) if (!alive.has(counts)) this.#giveUp(tenant);
    const candidates = best.all;
    const free = this.#most - this.#named.size;
    for (const candidate of candidates.splice(0, free)) this.#name(candidate);
    if (isDue) {
      this.#replacedAtMs = nowMs;
      this.#replace(candidates);
    }
  }

  #replace(candidates: readonly Candidate[]): void {
    const idlest = [...this.#named].sort(([, one], [, other]) => one.counts.score - other.counts.score);
    const most = Math.ceil(this.#most * REPLACED_SHARE);
    for (const [index, candidate] of candidates.slice(0, most).entries()) {
      const [tenant, named] = idlest[index] ?? [];
      if (tenant === undefined || !named || candidate.counts.score <= named.counts.score * BUSIER) return;
      this.#giveUp(tenant);
      this.#name(candidate);
    }
  }

  #name({ tenant, counts, isNew }: Candidate): void {
    const before = isNew ? difference(counts.totals, counts.totals) : { ...counts.totals };
    this.#named.set(tenant, { counts, before, shown: difference(before, before) });
  }

  #giveUp(tenant: string): void {
    const named = this.#named.get(tenant);
    if (!named) return;
    this.#named.delete(tenant);
    // What it did since then is part of the rest: nobody has been told of it yet.
    for (const name of namesOf(named.shown)) this.#retired[name] += named.shown[name];
  }
}

/** The busiest of those that were offered, without sorting all of them. */
class Best {
  readonly #most: number;
  readonly #kept: Candidate[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** The busiest first. */
  get all(): Candidate[] {
    return this.#kept;
  }

  offer(candidate: Candidate): void {
    const { score } = candidate.counts;
    const last = this.#kept.at(-1);
    if (this.#kept.length >= this.#most && (!last || last.counts.score >= score)) return;
    let place = this.#kept.length;
    while (place > 0 && (this.#kept[place - 1]?.counts.score ?? 0) < score) place--;
    this.#kept.splice(place, 0, candidate);
    if (this.#kept.length > this.#most) this.#kept.pop();
  }
}

function rate(counts: ModuleCounts, kept: number): void {
  const { hits, misses, bypasses } = counts.totals;
  const requests = hits + misses + bypasses;
  counts.score = counts.score * kept + requests - (counts.rated ?? 0);
  counts.rated = requests;
}

function namesOf(counts: Counts): (keyof Counts)[] {
  return Object.keys(counts) as (keyof Counts)[];
}

function difference(counts: Counts, before: Counts): Counts {
  const since = { ...counts };
  subtract(since, before);
  return since;
}

function subtract(counts: Counts, by: Counts): void {
  for (const name of namesOf(by)) counts[name] -= by[name];
}
