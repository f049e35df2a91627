// The monitor: figures of cache and server, rates of the last minutes, and alerts that begin and end once.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { CacheMonitor, type TenantCache } from "../../src/index.js";
import { DEFAULT_THRESHOLDS } from "../../src/ops/alert-rules.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";

const NEVER = { minHitRatio: 0, maxMemoryShare: 1, maxLatencyMs: 100_000, maxErrorRate: 1 };

describe("the monitor on Redis", () => {
  let redis: RedisServer;
  let cache: TenantCache;

  beforeAll(async () => {
    redis = await startRedisServer({ args: ["--maxmemory", "64mb"] });
    cache = await openCache("redis", { redis: redis.url });
  });
  afterAll(async () => {
    await cache.close();
    await redis.stop();
  });

  test("metrics in the shape that dashboards know", async () => {
    const space = cache.manager.tenant("acme");
    await space.set("users:1", 1);
    await space.get("users:1");
    await space.get("users:2");
    const metrics = await new CacheMonitor(cache, { thresholds: NEVER }).metrics();
    assert.deepEqual([metrics.health.status, metrics.health.connected], ["healthy", true]);
    assert.ok((metrics.health.latency ?? -1) >= 0);
    assert.ok((metrics.memory.used_memory ?? 0) > 100_000);
    assert.match(metrics.memory.used_memory_human ?? "", /^\d+\.\d\d[KM]$/);
    assert.equal(metrics.memory.maxmemory, 64 * 1024 * 1024);
    assert.ok((metrics.memory.mem_fragmentation_ratio ?? 0) > 0);
    assert.ok((metrics.stats.total_commands_processed ?? 0) > 3);
    assert.ok((metrics.stats.keyspace_hits ?? 0) > 0 && (metrics.stats.keyspace_misses ?? 0) > 0);
    assert.equal(metrics.keyspace?.db0?.keys, metrics.keyCount);
    assert.ok((metrics.keyspace?.db0?.expires ?? 0) > 0);
    const { hits, misses, sets, hitRate } = metrics.cacheManagerStats;
    assert.deepEqual([hits, misses, sets, hitRate], [1, 1, 1, 0.5]);
    assert.ok(!Number.isNaN(Date.parse(metrics.timestamp)));
  });

  test("rates are those of the window, not since the start", async () => {
    const space = cache.manager.tenant("acme");
    await space.set("users:1", 1);
    const monitor = new CacheMonitor(cache);
    const first = await monitor.sample();
    assert.equal(first.recent.hitRatio, null);
    for (let n = 0; n < 9; n++) await space.get("users:1");
    await space.get("users:none");
    const { recent, memoryShare } = await monitor.sample();
    assert.deepEqual([recent.lookups, recent.hitRatio, recent.errorRate], [10, 0.9, 0]);
    assert.ok((recent.commandsPerSecond ?? 0) > 0);
    assert.equal(recent.evictionsPerSecond, 0);
    assert.ok(memoryShare !== null && memoryShare > 0 && memoryShare < 1);
  });

  test("each rule: told once when it begins and once when it ends, and part of the health", async () => {
    const space = cache.manager.tenant("acme");
    let isOdd = false;
    const monitor = new CacheMonitor(cache, {
      thresholds: {
        ...NEVER,
        minHitRatio: 0.6,
        minLookups: 10,
        maxMemoryShare: 0.000001,
        maxLatencyMs: 0.000001,
      },
      rules: [{ name: "odd", check: () => (isOdd ? "it is odd" : undefined) }],
    });
    const events: string[] = [];
    monitor.on("alert", ({ name }) => events.push(`+${name}`));
    monitor.on("resolved", ({ name }) => events.push(`-${name}`));
    await monitor.sample();
    assert.deepEqual(events, ["+memory", "+latency"]);
    for (let n = 0; n < 10; n++) await space.get("users:none");
    isOdd = true;
    const health = await monitor.health();
    assert.equal(health.status, "degraded");
    assert.deepEqual(health.alerts.map(({ name }) => name).sort(), ["hit-ratio", "latency", "memory", "odd"]);
    assert.match(
      health.alerts.find(({ name }) => name === "hit-ratio")?.message ?? "",
      /0\.0 %, below 60\.0 %/,
    );
    isOdd = false;
    await space.set("users:1", 1);
    for (let n = 0; n < 90; n++) await space.get("users:1");
    await monitor.sample();
    assert.deepEqual(events, ["+memory", "+latency", "+hit-ratio", "+odd", "-hit-ratio", "-odd"]);
  });

  test("the defaults are those that operators expect", async () => {
    const monitor = new CacheMonitor(cache);
    const space = cache.manager.tenant("acme");
    await monitor.sample();
    for (let n = 0; n < 60; n++) await space.get("users:none");
    for (let n = 0; n < 40; n++) await space.get("users:1");
    await monitor.sample();
    assert.ok(
      monitor.alerts.some(({ name }) => name === "hit-ratio"),
      "40 % of 100 lookups",
    );
  });

  test("the other defaults, and errors of the store", async () => {
    assert.deepEqual(DEFAULT_THRESHOLDS, {
      minHitRatio: 0.6,
      minLookups: 100,
      maxMemoryShare: 0.8,
      maxLatencyMs: 10,
      maxErrorRate: 0.05,
    });
    const own = await startRedisServer();
    const failing = await openCache("redis", { redis: own.url, budgetMs: 250 });
    try {
      const monitor = new CacheMonitor(failing);
      const space = failing.manager.tenant("acme");
      await monitor.sample();
      // A busy machine may lose the store before anybody asks it, and what is not asked does not fail.
      await until("a request has failed", async () => {
        await own.resume();
        assert.equal(await failing.ready(READY_WITHIN_MS), true);
        await own.pause();
        await space.get("users:1");
        return (await failing.stats({ sizes: false })).totals.errors > 0;
      });
      await own.resume();
      assert.equal(await failing.ready(READY_WITHIN_MS), true);
      await monitor.sample();
      assert.ok(monitor.alerts.some(({ name }) => name === "error-rate"));
    } finally {
      await failing.close();
      await own.stop();
    }
  });

  test("samples at intervals once started", async () => {
    const monitor = new CacheMonitor(cache, { intervalMs: 100 });
    const sampled = new Promise((resolve) => monitor.once("sample", resolve));
    monitor.start();
    await sampled;
    monitor.stop();
    assert.throws(() => new CacheMonitor(cache, { intervalMs: 1 }), /ETC_OPTIONS/);
    assert.throws(() => new CacheMonitor({ ...cache }), /ETC_OPTIONS/);
  });
});

describe("the monitor on the in-process store", () => {
  test("says what there is to say", async () => {
    const cache = await openCache("memory");
    const monitor = new CacheMonitor(cache, { thresholds: NEVER });
    await cache.manager.tenant("acme").set("users:1", 1);
    const metrics = await monitor.metrics();
    assert.deepEqual([metrics.health.status, metrics.keyCount, metrics.keyspace], ["healthy", 1, null]);
    await cache.close();
  });
});

test("a monitor's rule that throws is an alert", async () => {
  const cache = await openCache("memory");
  const rule = {
    name: "own",
    check: () => {
      throw new Error("no figures");
    },
  };
  const monitor = new CacheMonitor(cache, { rules: [rule] });
  await monitor.sample();
  assert.deepEqual(
    monitor.alerts.map(({ name, message }) => [name, message]),
    [["own", "the rule itself threw (no figures)"]],
  );
  await cache.close();
});
