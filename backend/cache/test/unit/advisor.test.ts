// The advisor's forecasts against caches that are simulated whole: by TTL, by fences and by memory, sampled and not.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { PRESENT_TTL } from "../../src/advice/sample-columns.js";
import { mixed } from "../../src/advice/text-hash.js";
import { writeAdvice } from "../../src/advice/write-advice.js";
import { ENTRY_BYTES, GROUNDS, numbers, World, zipf } from "../support/simulated-cache.js";

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

  test("at TTLs that can be written: whole seconds, each once, the present one among them", () => {
    const ttlsOf = (ttlSeconds: number) => {
      const world = new World(ttlSeconds);
      for (let n = 0; n < 20; n++) world.ask("t1", 1);
      const [route] = writeAdvice(world.advisor, GROUNDS).routes;
      assert.ok(route?.present && route.ttls.includes(route.present));
      return route.ttls.map((each) => each.ttlSeconds);
    };
    assert.deepEqual(ttlsOf(1), [1, 2, 4, 16, 64]);
    assert.deepEqual(ttlsOf(5), [1, 3, 5, 10, 20, 80, 320]);
    const days = (count: number) => count * 86_400;
    assert.deepEqual(ttlsOf(days(20)), [days(1.25), days(5), days(10), days(20), days(30)]);
  });

  test("are silent where nothing comes again", () => {
    const world = new World(60);
    for (let n = 0; n < 200; n++) world.ask("t1", n);
    assert.equal(writeAdvice(world.advisor, GROUNDS).routes[0]?.suggested, null);
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

describe("a run that is under way", () => {
  const answer = (durationMs: number) => ({ durationMs, bytes: 10, ttlSeconds: 10, identity: "same" });

  test("is waited for: those that ask meanwhile miss, and save a run", () => {
    const world = new World(10);
    const entry = world.entry("t1", 1);
    for (let n = 0; n < 4; n++) {
      world.advisor.asked(entry, "runs");
      world.nowMs += 100;
    }
    world.advisor.answered(entry, answer(400));
    for (let n = 0; n < 6; n++) {
      world.advisor.asked(entry, "runs");
      world.nowMs += 1600;
    }
    // Its time begins when it is answered.
    world.advisor.asked(entry, "runs");
    assert.equal(world.figures.hitRatio(PRESENT_TTL), 7 / 11);
    world.nowMs += 500;
    world.advisor.asked(entry, "runs");
    assert.equal(world.figures.hitRatio(PRESENT_TTL), 7 / 12);
    assert.equal(world.figures.collapsedRatio(PRESENT_TTL), 3 / 12);
  });

  test("that an invalidation overtakes fills nothing; that of the next request does", () => {
    const world = new World(10);
    const entry = world.entry("t1", 1);
    world.advisor.asked(entry, "runs");
    world.nowMs += 100;
    world.advisor.invalidated("t1", ["fence:t1:accounts"]);
    world.advisor.asked(entry, "runs");
    world.nowMs += 100;
    world.advisor.answered(entry, answer(200));
    world.advisor.asked(entry, "runs");
    assert.deepEqual(
      [world.figures.hitRatio(PRESENT_TTL), world.figures.collapsedRatio(PRESENT_TTL)],
      [0, 1 / 3],
    );
    world.advisor.answered(entry, answer(100));
    world.advisor.asked(entry, "runs");
    assert.equal(world.figures.hitRatio(PRESENT_TTL), 1 / 4);
  });

  test("whose last answer could not be stored saves nobody a run", () => {
    const world = new World(10);
    const entry = world.entry("t1", 1);
    for (let n = 0; n < 10; n++) {
      for (let at = 0; at < 3; at++) world.advisor.asked(entry, "runs");
      world.nowMs += 100;
      for (let at = 0; at < 3; at++) world.advisor.refused(entry, "no-store", 100);
    }
    const [route] = writeAdvice(world.advisor, GROUNDS).routes;
    // Those of the first three, before anybody knew.
    assert.equal(route?.present?.savedRatio, 2 / 30);
  });

  test("that never answers is not waited for without end", () => {
    const world = new World(10);
    const entry = world.entry("t1", 1);
    world.advisor.asked(entry, "runs");
    world.nowMs += 31_000;
    for (let n = 0; n < 2; n++) world.advisor.asked(entry, "runs");
    world.advisor.answered(entry, answer(0));
    world.advisor.asked(entry, "runs");
    assert.equal(world.figures.hitRatio(PRESENT_TTL), 1 / 4);
  });

  test("behind a stale answer lets that hit", () => {
    const advisorOf = (staleSeconds: number) => {
      const world = new World(10);
      world.figures.staleSeconds = staleSeconds;
      for (let n = 0; n < 10; n++) {
        world.ask("t1", 1);
        world.nowMs += 12_000;
      }
      return world.figures.hitRatio(PRESENT_TTL);
    };
    assert.deepEqual([advisorOf(0), advisorOf(1), advisorOf(5)], [0, 0, 0.9]);
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
