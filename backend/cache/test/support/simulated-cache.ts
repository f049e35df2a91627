// Caches that are simulated whole, beside an advisor that forecasts them: one for each TTL.
import { Advisor } from "../../src/advice/advisor.js";
import type { RouteFigures } from "../../src/advice/route-figures.js";
import { PRESENT_TTL, scaledTtl, TTL_FACTORS } from "../../src/advice/sample-columns.js";
import { mixed } from "../../src/advice/text-hash.js";

export const GROUNDS = { maxTenantBytes: 1024 * 1024, invalidations: () => 0 };
/** What the advisor takes an entry to be larger than its body by. */
export const ENTRY_BYTES = 512;

/** The same numbers each time: xorshift. */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Picks from so many keys, the first most often. */
export function zipf(keys: number, random: () => number): () => number {
  const sums: number[] = [];
  for (let key = 1; key <= keys; key++) sums.push((sums.at(-1) ?? 0) + key ** -0.9);
  return () => {
    const wanted = random() * (sums.at(-1) ?? 0);
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

export class World {
  nowMs = 1000;
  readonly advisor = new Advisor(() => this.nowMs);
  readonly figures: RouteFigures;
  /** When each key was filled, for each TTL; the cache that is simulated whole. */
  readonly filledMs = TTL_FACTORS.map(() => new Map<string, number>());
  readonly hits = TTL_FACTORS.map(() => 0);
  requests = 0;

  readonly ttlSeconds: number;

  constructor(ttlSeconds: number) {
    this.ttlSeconds = ttlSeconds;
    this.figures = this.advisor.route({ module: "accounts", kind: "observed", ttlSeconds });
  }

  entry(tenant: string, key: number) {
    return {
      tenant,
      figures: this.figures,
      fenceKeys: [`fence:${tenant}`, `fence:${tenant}:accounts`, `fence:${tenant}:tag:${key}`],
      sample: mixed(key * 977 + tenant.length + (tenant.charCodeAt(1) || 0) * 131) >>> 1,
    };
  }

  ask(tenant: string, key: number, bytes = 1000, identity = "same"): void {
    this.requests++;
    const entry = this.entry(tenant, key);
    this.advisor.asked(entry);
    let misses = false;
    for (const [index, factor] of TTL_FACTORS.entries()) {
      const filled = this.filledMs[index] as Map<string, number>;
      const atMs = filled.get(`${tenant} ${key}`);
      if (atMs !== undefined && this.nowMs < atMs + scaledTtl(this.ttlSeconds, factor) * 1000)
        this.hits[index] = (this.hits[index] ?? 0) + 1;
      else {
        filled.set(`${tenant} ${key}`, this.nowMs);
        if (index === PRESENT_TTL) misses = true;
      }
    }
    if (misses) this.advisor.answered(entry, { durationMs: 0, bytes, ttlSeconds: this.ttlSeconds, identity });
  }

  invalidate(tenant: string, key?: number): void {
    const fence = key === undefined ? `fence:${tenant}:accounts` : `fence:${tenant}:tag:${key}`;
    this.advisor.invalidated(tenant, [fence]);
    for (const filled of this.filledMs)
      for (const name of filled.keys())
        if (key === undefined ? name.startsWith(`${tenant} `) : name === `${tenant} ${key}`)
          filled.delete(name);
  }

  /** How far the forecasts are from what happened, at the TTL that is furthest off. */
  error(): number {
    const errors = this.hits.map((hits, index) =>
      Math.abs((this.figures.hitRatio(index) ?? 0) - hits / this.requests),
    );
    return Math.max(...errors);
  }
}
