// The toolkit with Redis hung or killed: sources are asked, nothing hangs, nothing old is read afterwards; state rejects.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { CacheMonitor, CacheWarmer, type TenantCache } from "../../src/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { gate } from "../support/http-app.js";

/** A budget that a hung store soon exceeds, and a busy machine does not. */
const BUDGET_MS = 1000;
/** Above a budget, and below the five seconds after which the client gives up a server that is silent. */
const PROMPT_MS = 4500;

describe("the toolkit with Redis away", () => {
  let redis: RedisServer;
  const opened: TenantCache[] = [];

  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterEach(async () => {
    for (const cache of opened.splice(0)) await cache.close();
  });
  afterAll(() => redis.stop());

  async function open() {
    const cache = await openCache("redis", { redis: redis.url, budgetMs: BUDGET_MS });
    opened.push(cache);
    return { cache, space: cache.manager.tenant("acme") };
  }

  async function promptly<T>(work: Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    try {
      return await work;
    } finally {
      assert.ok(performance.now() - startedAtMs < PROMPT_MS, "it waited for the store");
    }
  }

  const interruptions: Record<string, { begin: () => Promise<void>; end: () => Promise<void> }> = {
    "hung (SIGSTOP)": { begin: () => redis.pause(), end: () => redis.resume() },
    "killed and restarted empty": { begin: () => redis.kill(), end: () => redis.restart() },
  };
  for (const [name, { begin, end }] of Object.entries(interruptions)) {
    test(`${name}: reads find nothing, loads go to the source, writes resolve`, async () => {
      const { cache, space } = await open();
      await space.set("users:1", "old");
      await begin();
      assert.equal(await promptly(space.get("users:1")), undefined);
      assert.deepEqual(await promptly(space.mGet(["users:1"])), [undefined]);
      assert.equal(await promptly(space.exists("users:1")), false);
      assert.equal(await promptly(space.getOrSet("users:1", () => "source")), "source");
      assert.equal(await promptly(space.set("users:2", "new")), false);
      assert.deepEqual(await promptly(space.mSet([{ key: "users:3", value: 1 }])), [false]);
      assert.equal(await promptly(space.update("users:4", () => "written")), "written");
      assert.equal(await promptly(space.delete("users:1")), false);
      assert.deepEqual(await promptly(space.deletePattern("users:*")), { removed: 0, confirmed: false });
      await end();
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal(await space.set("users:1", "back"), true);
      assert.equal(await space.get("users:1"), "back");
    });

    test(`${name}: counters and locks reject with a stable code`, async () => {
      const { cache, space } = await open();
      await begin();
      const away = { code: "ETC_STORE_AWAY" };
      await assert.rejects(promptly(space.increment("visits:1")), away);
      await assert.rejects(promptly(space.count("visits:1")), away);
      await assert.rejects(
        promptly(
          space.withLock("jobs:1", { waitMs: 60_000 }, () => assert.fail("nobody knows who holds it")),
        ),
        away,
      );
      await end();
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
    });
  }

  test("what was deleted, set or updated while it hung is not read afterwards", async () => {
    const { cache, space } = await open();
    const changes: Record<string, (key: string) => Promise<unknown>> = {
      "changed:delete": (key) => space.delete(key),
      "changed:set": (key) => space.set(key, "new"),
      "changed:update": (key) => space.update(key, () => "new"),
      "changed:pattern": () => space.deletePattern("changed:p*"),
    };
    for (const key of Object.keys(changes)) await space.set(key, "old");
    await space.set("kept:1", "kept");
    await redis.pause();
    await Promise.all(Object.entries(changes).map(([key, change]) => change(key)));
    await redis.resume();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    for (const key of Object.keys(changes)) assert.notEqual(await space.get(key), "old", key);
    assert.equal(await space.get("kept:1"), "kept");
  });

  test("a lock whose store hangs for longer than its TTL is lost", async () => {
    const { cache, space } = await open();
    const begun = gate();
    const holding = space.withLock("jobs:2", { ttlMs: 300 }, async (signal) => {
      begun.open();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    await begun.passed;
    await redis.pause();
    await assert.rejects(holding, { code: "ETC_LOCK_LOST" });
    await redis.resume();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
  });

  test("warming waits for a store that is away for a moment, and goes on until the store holds all", async () => {
    const { cache, space } = await open();
    const keys = Array.from({ length: 200 }, (_, n) => `warm:${n}`);
    let loads = 0;
    let interrupted = false;
    const load = async (key: string) => {
      loads++;
      if (loads === 50) {
        interrupted = true;
        await redis.pause();
        // Others of these tasks find that out; when they have, it goes on.
        void (async () => {
          while (cache.health().connected) await new Promise(setImmediate);
          await redis.resume();
        })();
      }
      return key;
    };
    const warmer = new CacheWarmer(cache, { readyWithinMs: READY_WITHIN_MS }).register("keys", {
      tenants: () => ["acme"],
      entries: () => keys.map((key) => () => space.getOrSet(key, () => load(key))),
    });
    const result = await warmer.warm("keys");
    assert.ok(interrupted);
    assert.deepEqual([result.error, result.done, result.failed], [undefined, keys.length, 0]);
    assert.deepEqual(await space.mGet(keys), keys);
    assert.ok(loads < 1.5 * keys.length, `${loads} loads: only what was lost is loaded again`);
  });

  test("what the store no longer holds is not counted as warm, and a store that has gone ends all plans soon", async () => {
    const { cache, space } = await open();
    const keys = Array.from({ length: 20 }, (_, n) => `gone:${n}`);
    const entries = () => keys.map((key) => () => space.getOrSet(key, () => key));
    const strategy = { tenants: () => ["acme"], entries };
    const warmer = new CacheWarmer(cache, { readyWithinMs: 500 });
    for (const name of ["one", "two", "three"]) warmer.register(name, strategy);
    warmer.once("progress", () => void redis.kill());
    const [first, ...others] = await warmer.warmAll();
    assert.match(first?.error?.message ?? "", /away/);
    assert.equal((first?.done ?? 0) - (first?.failed ?? 0), 0, "nobody knows of any that it is there");
    assert.deepEqual(
      others.map(({ done, error }) => [done, error?.message]),
      [
        [0, "the store is away"],
        [0, "the store is away"],
      ],
    );
    await redis.restart();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
  });

  test("the monitor says so, and when it is over; the warmer does not load for nothing", async () => {
    const { cache } = await open();
    const monitor = new CacheMonitor(cache, { thresholds: { maxLatencyMs: 100_000 } });
    const events: string[] = [];
    monitor.on("alert", ({ name }) => events.push(`alert ${name}`));
    monitor.on("resolved", ({ name }) => events.push(`resolved ${name}`));
    assert.equal((await monitor.health()).status, "healthy");
    await redis.kill();
    while (cache.health().connected) await new Promise(setImmediate);
    while (cache.health().reconnectAttempts === 0) await delay(10);
    const health = await monitor.health();
    assert.deepEqual([health.status, health.connected, health.latencyMs], ["unhealthy", false, null]);
    assert.ok(health.reconnectAttempts > 0);
    assert.equal((await monitor.metrics()).memory.used_memory, null);
    let loads = 0;
    const warmer = new CacheWarmer(cache, { readyWithinMs: 50 }).register("users", {
      tenants: () => ["acme"],
      entries: () => [() => loads++],
    });
    assert.match((await warmer.warm("users")).error?.message ?? "", /away/);
    assert.equal(loads, 0);
    await redis.restart();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    assert.equal((await monitor.health()).status, "healthy");
    assert.deepEqual(events, ["alert reconnecting", "resolved reconnecting"]);
  });
});
