// One process of several takes the inventory of the store, and the others read it; where they may not, each takes its own.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest, closeAfterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, quiet } from "../support/caches.js";
import { Exposition } from "../support/exposition.js";
import { serve } from "../support/http-app.js";
import { countWalks } from "../support/walks.js";

const PREFIX = "shared:";

/** A process: a cache with a client of its own, and how often it has walked through the store. */
async function open(redis: string, metrics: TenantCacheOptions["metrics"] = { reportIntervalMs: 60_000 }) {
  const cache = await openCache("redis", { redis, keyPrefix: PREFIX, logger: quiet, metrics });
  closeAfterTest(cache);
  return { cache, walked: countWalks(cache) };
}

async function server() {
  const started = await startRedisServer();
  afterTest(() => started.stop());
  return started;
}

async function fill(cache: TenantCache): Promise<void> {
  const app = await serve((express) => {
    express.get("/items/:id", cache.cacheList("items"), (_req, res) => void res.json([1]));
  });
  afterTest(() => app.close());
  for (let n = 0; n < 3; n++) await app.request(`/items/${n}`);
  await cache.idle();
}

const shownBy = async (cache: TenantCache) => new Exposition(await cache.metrics());
const untilCounted = async (...caches: readonly TenantCache[]) => {
  // All of them begin to ask.
  await Promise.all(caches.map(shownBy));
  for (const cache of caches)
    await until("its inventory", async () => (await shownBy(cache)).all("etc_entries").length > 0);
};

describe("the inventory", () => {
  test("is taken by one process, and is the same in all; it expires", async () => {
    const { url } = await server();
    const processes = await Promise.all([open(url), open(url), open(url)]);
    const caches = processes.map(({ cache }) => cache);
    await fill(caches[0] as TenantCache);
    const askedAtMs = performance.now();
    await untilCounted(...caches);
    const tookMs = performance.now() - askedAtMs;
    const walks = processes.reduce((sum, { walked }) => sum + walked.times, 0);
    assert.equal(walks, 1);
    for (const cache of caches) {
      const shown = await shownBy(cache);
      assert.equal(shown.value("etc_entries", { module: "items" }), 3);
      assert.ok(shown.value("etc_entry_bytes", { module: "items" }) > 30);
      assert.equal(shown.value("etc_fences"), 2, "the tenant's and the module's");
      assert.equal(shown.value("etc_inventory_complete"), 1);
      assert.ok(shown.value("etc_inventory_age_seconds") >= 0);
    }
    const redis = new Redis(url);
    afterTest(() => redis.disconnect());
    const lifeMs = await redis.pttl(`${PREFIX}sweep:inventory`);
    // Behind a slow walk it lives for longer.
    assert.ok(lifeMs > 0 && lifeMs <= Math.max(300_000, 100 * tookMs), `${lifeMs}`);
    // Who comes later has it at once, and its age is told.
    const late = await open(url);
    await untilCounted(late.cache);
    assert.equal(late.walked.times, 0);
    // Once it is over, one of them takes the next.
    await redis.del(`${PREFIX}sweep:inventory`);
    const last = await open(url);
    await untilCounted(last.cache);
    assert.equal(last.walked.times, 1);
  });

  test("is taken again before long while the process is young, and as often as was asked for then", async () => {
    const { url } = await server();
    const { cache, walked } = await open(url, { reportIntervalMs: 1000 });
    await fill(cache);
    const askedAtMs = performance.now();
    await untilCounted(cache);
    // The rest behind a walk is a hundred times as long as the walk.
    const restMs = 100 * (performance.now() - askedAtMs);
    await fill(cache);
    await until("a second one", () => walked.times > 1, Math.max(120_000, restMs));
  });

  test("is not waited for where its taker has gone; what is no inventory is replaced", async () => {
    const { url } = await server();
    const redis = new Redis(url);
    afterTest(() => redis.disconnect());
    await redis.set(`${PREFIX}sweep:inventory`, "", "PX", 1);
    const first = await open(url);
    await fill(first.cache);
    await untilCounted(first.cache);
    assert.equal(first.walked.times, 1);
    await redis.set(`${PREFIX}sweep:inventory`, "300000 [1,2,3]", "PX", 300_000);
    const second = await open(url);
    await untilCounted(second.cache);
    assert.equal(second.walked.times, 1);
    assert.match((await redis.get(`${PREFIX}sweep:inventory`)) ?? "", /^\d+ \[\[\["items",3,/);
  });

  test("where the user may not use the key, each process takes its own, and nothing else is wrong", async () => {
    const { url, port } = await server();
    const admin = new Redis(url);
    afterTest(() => admin.disconnect());
    const families = ["tenant", "fence", "lease", "index", "generations", "ledger", "causes", "parked"];
    const keys = families.map((family) => `~${PREFIX}${family}:*`);
    await admin.call("ACL", "SETUSER", "small", "on", ">secret", "+@all", "&*", ...keys, "~*!probe*");
    const small = `redis://small:secret@127.0.0.1:${port}`;
    const processes = await Promise.all([open(small), open(small)]);
    const caches = processes.map(({ cache }) => cache);
    await fill(caches[0] as TenantCache);
    await untilCounted(...caches);
    assert.ok(processes.every(({ walked }) => walked.times >= 1));
    for (const cache of caches) {
      assert.equal((await shownBy(cache)).value("etc_entries", { module: "items" }), 3);
      assert.equal(cache.health().reason, null);
      assert.equal((await cache.stats()).totals.errors, 0);
    }
    assert.equal(await admin.exists(`${PREFIX}sweep:inventory`), 0);
  });
});
