// The advisor's forecasts against caches that are simulated whole: by TTL, by fences and by memory, sampled and not.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Advisor } from "../../src/advice/advisor.js";
import type { RouteFigures } from "../../src/advice/route-figures.js";
import { PRESENT_TTL, TTL_FACTORS } from "../../src/advice/sample-columns.js";
import { mixed } from "../../src/advice/text-hash.js";
import { writeAdvice } from "../../src/advice/write-advice.js";

const GROUNDS = { maxTenantBytes: 1024 * 1024, invalidations: () => 0 };
/** What the advisor takes an entry to be larger than its body by. */
const ENTRY_BYTES = 512;

/** The same numbers each time: xorshift. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Picks from so many keys, the first most often. */
function zipf(keys: number, random: () => number): () => number {
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

class World {
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
      if (atMs !== undefined && this.nowMs < atMs + this.ttlSeconds * factor * 1000)
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

describe("the advisor's forecasts", () => {
  test("where all keys are sampled, are what a cache would have done at each TTL, with its invalidations", () => {
    const world = new World(10);
    const random = numbers(7);
    const pick = zipf(300, random);
    for (let n = 0; n < 20_000; n++) {
      world.nowMs += Math.floor(random() * 40);
      const tenant = `t${n % 3}`;
      if (n % 200 === 0) world.invalidate(tenant);
      if (n % 11 === 0) world.invalidate(tenant, pick());
      world.ask(tenant, pick());
    }
    assert.ok(world.hits.every((hits) => hits > 0 && hits < world.requests));
    assert.ok(world.error() < 1e-3, `${world.error()}`);
    assert.ok(world.figures.cutOff > 0);
  });

  test("of a sample are within four points, for one tenant and for many", () => {
    for (const tenants of [1, 12]) {
      const world = new World(10);
      const random = numbers(3);
      const pick = zipf(20_000, random);
      for (let n = 0; n < 100_000; n++) {
        world.nowMs += random() < 0.5 ? 1 : 0;
        if (n % 10_000 === 0) world.invalidate(`t${n % tenants}`);
        world.ask(`t${Math.floor(random() * tenants)}`, pick());
      }
      const { cost } = writeAdvice(world.advisor, GROUNDS);
      assert.ok(cost.sampledKeys <= 3072 && cost.sampledKeys > 2000, `${cost.sampledKeys}`);
      assert.ok(world.error() < 0.04, `${tenants}: ${world.error()}`);
    }
  });

  test("of memory are what an LRU of that size would have done", () => {
    const random = numbers(11);
    const pick = zipf(20_000, random);
    const world = new World(86_400);
    const sizes = [256, 1024, 4096].map((kib) => ({
      bytes: kib * 1024,
      hits: 0,
      held: 0,
      lru: new Map<number, number>(),
    }));
    for (let n = 0; n < 80_000; n++) {
      world.nowMs += 10;
      const key = pick();
      const bytes = 200 + (mixed(key) % 1800);
      world.ask("t1", key, bytes);
      for (const size of sizes) {
        if (size.lru.delete(key)) size.hits++;
        else size.held += bytes + ENTRY_BYTES;
        size.lru.set(key, bytes + ENTRY_BYTES);
        for (const [oldest, taken] of size.lru) {
          if (size.held <= size.bytes) break;
          size.lru.delete(oldest);
          size.held -= taken;
        }
      }
    }
    for (const { bytes, hits } of sizes) {
      const [tenant] = writeAdvice(world.advisor, { ...GROUNDS, maxTenantBytes: bytes }).tenants;
      const measured = hits / world.requests;
      assert.ok(
        Math.abs((tenant?.atBound ?? 0) - measured) < 0.04,
        `${bytes}: ${tenant?.atBound} of ${measured}`,
      );
      assert.ok(
        (tenant?.atHalf ?? 1) < (tenant?.atBound ?? 0) && (tenant?.atTwice ?? 0) > (tenant?.atBound ?? 1),
      );
    }
  });

  test("grow with memory, and end where more brings nothing", () => {
    const world = new World(86_400);
    for (let n = 0; n < 5000; n++) {
      world.nowMs += 10;
      world.ask("t1", n % 100);
    }
    const [tenant] = writeAdvice(world.advisor, GROUNDS).tenants;
    assert.ok(tenant);
    const ratios = tenant.curve.map(({ hitRatio }) => hitRatio);
    assert.deepEqual(
      ratios,
      [...ratios].sort((one, other) => one - other),
    );
    // Asked for in turns: all of it or nothing.
    assert.equal(tenant.curve.length, 1);
    const whole = 100 * (1000 + ENTRY_BYTES);
    assert.equal(tenant.workingSetBytes, whole);
    const [point] = tenant.curve;
    assert.ok(point && point.bytes >= whole && point.bytes < 1.2 * whole, `${point?.bytes}`);
    assert.equal(point.hitRatio, 0.98);
  });
});

describe("the advisor's bounds", () => {
  test("ten thousand tenants: the busiest are told apart, and all others together", () => {
    const world = new World(60);
    const random = numbers(5);
    const ofRank = zipf(10_000, random);
    const busy = new Set(Array.from({ length: 8 }, (_, rank) => `tenant-${9999 - rank}`));
    // The quiet ones first: whoever comes first has no advantage that lasts.
    for (let rank = 0; rank < 10_000; rank++) world.ask(`tenant-${rank}`, rank);
    for (let n = 0; n < 400_000; n++) {
      world.nowMs += 0.5;
      world.advisor.asked(world.entry(`tenant-${9999 - ofRank()}`, Math.floor(random() * 50)));
    }
    const { tenants, cost } = writeAdvice(world.advisor, GROUNDS);
    assert.equal(tenants.length, 16);
    assert.equal(tenants.at(-1)?.tenant, null);
    const named = new Set(tenants.map(({ tenant }) => tenant));
    for (const tenant of busy) assert.ok(named.has(tenant), tenant);
    assert.ok(cost.bytes < 1024 * 1024, `${cost.bytes}`);
    assert.ok(cost.sampledKeys <= 3072);
  });

  test("routes and names are bounded, whoever makes them", () => {
    const world = new World(60);
    const many = Array.from({ length: 1000 }, (_, n) => world.advisor.values(`domain-${n}`));
    assert.equal(new Set(many).size, 63);
    assert.equal(world.advisor.routes.length, 64);
    assert.equal(many.at(-1)?.terms.module, "other");
    world.ask("n".repeat(10_000), 1);
    assert.deepEqual(
      writeAdvice(world.advisor, GROUNDS).tenants.map(({ tenant }) => tenant),
      [null],
    );
  });

  test("where too much is to be simulated, less is sampled", () => {
    const world = new World(60);
    for (let n = 0; n < 40_000; n++) {
      world.nowMs += 0.02;
      world.ask("t1", n % 4000);
    }
    assert.ok(writeAdvice(world.advisor, GROUNDS).cost.sampledKeys <= 512);
    assert.ok(world.error() < 0.05, `${world.error()}`);
  });

  test("a key that is asked for again and again is counted, and not simulated each time", () => {
    const world = new World(60);
    for (let n = 0; n < 100_000; n++) {
      world.nowMs += 0.01;
      world.ask("t1", 1);
    }
    assert.equal(writeAdvice(world.advisor, GROUNDS).cost.sampledKeys, 1);
    assert.equal(world.figures.hitRatio(PRESENT_TTL), 1 - 1 / 100_000);
  });
});
