// `maxBytesPerTenant`, as users and operators see it: one tenant's flood costs the others nothing, and the stats say what it cost it.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { createTenantCache, type TenantCache } from "../../src/index.js";
import { openCache, quiet, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const QUOTA = 200 * KIB;

interface QuotaApp extends HttpApp {
  /** Handler runs so far. */
  readonly runs: number;
  /** What the handler awaits before it answers. */
  hold(until: Promise<unknown>): void;
}

/** `/list/<n>?bytes=`: a body of so many bytes that cannot be compressed, `compressible` of them at half the size. */
async function serveBodies(cache: TenantCache): Promise<QuotaApp> {
  let runs = 0;
  let held: Promise<unknown> = Promise.resolve();
  const app = await serve((express) => {
    express.get("/list/:n", cache.cacheList("accounts", 180), async (req, res) => {
      runs++;
      await held;
      const bytes = Number(req.query.bytes);
      const halves = req.query.compressible ? randomBytes(bytes / 2).toString("hex") : randomBytes(bytes);
      res.type(req.query.compressible ? "text/plain" : "application/octet-stream").end(halves);
    });
  });
  return {
    ...app,
    get runs() {
      return runs;
    },
    hold: (until) => {
      held = until;
    },
  };
}

for (const store of STORES) {
  describe(`a tenant's quota with the ${store} store`, () => {
    const lines: string[] = [];
    let cache: TenantCache;
    let app: QuotaApp;
    let otherCache: TenantCache;
    let otherApp: QuotaApp;

    beforeAll(async () => {
      const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
      const options = { maxBytesPerTenant: QUOTA, keyPrefix: `test:${randomUUID()}:` };
      cache = await openCache(store, { ...options, logger });
      app = await serveBodies(cache);
      // Another process, where there can be one.
      otherCache = store === "memory" ? cache : await openCache(store, options);
      otherApp = await serveBodies(otherCache);
    });
    afterAll(async () => {
      await Promise.all([app.close(), otherApp.close()]);
      await Promise.all([cache.close(), otherCache.close()]);
    });

    test("a flood of large responses stays within it, evicts only its own, and is told once", async () => {
      const ofNeighbour = (n: number) => app.request(`/list/${n}?bytes=${30 * KIB}`, { tenant: "neighbour" });
      for (const n of [1, 2, 3]) await ofNeighbour(n);
      await cache.idle();
      for (let n = 0; n < 40; n++) await app.request(`/list/${n}?bytes=${30 * KIB}`, { tenant: "greedy" });
      await cache.idle();
      for (const n of [1, 2, 3]) assert.equal((await ofNeighbour(n)).cache, "hit");

      const stats = await cache.stats({ perTenant: true });
      const { greedy, neighbour } = stats.tenants ?? {};
      assert.ok(greedy?.bytes && neighbour?.bytes);
      assert.equal(stats.maxBytesPerTenant, QUOTA);
      assert.ok(greedy.quotaBytes !== null && neighbour.quotaBytes !== null);
      assert.ok(greedy.bytes <= greedy.quotaBytes && greedy.quotaBytes <= QUOTA, String(greedy.quotaBytes));
      assert.ok(greedy.quotaBytes > 0.8 * QUOTA);
      assert.equal(greedy.quotaEvictions, 40 - (greedy.entries ?? 0));
      assert.equal(greedy.modules.accounts?.quotaEvictions, greedy.quotaEvictions);
      assert.equal(neighbour.quotaEvictions, 0);
      assert.ok(neighbour.bytes <= neighbour.quotaBytes && neighbour.quotaBytes < 95 * KIB);
      assert.equal(stats.quotaBytes, undefined, "of no single tenant");
      assert.equal((await cache.stats({ tenantId: "neighbour" })).quotaBytes, neighbour.quotaBytes);
      assert.equal((await cache.stats()).totals.quotaEvictions, greedy.quotaEvictions);

      const told = lines.filter((line) => line.includes("maxBytesPerTenant"));
      assert.equal(told.length, 1, told.join("\n"));
      assert.match(told[0] ?? "", /204800 bytes/);
      assert.doesNotMatch(told[0] ?? "", /greedy/);
    });

    // Its body alone would fit; with its headers, its key and what is allowed for them it does not.
    const TOO_LARGE = `bytes=${QUOTA - 100}`;

    test("a response that can never fit is not stored, and nobody waits for the next one, in this process or another", async () => {
      const ask = (of: QuotaApp) => of.request(`/list/large?${TOO_LARGE}`, { tenant: "large" });
      assert.equal((await ask(app)).status, 200);
      await cache.idle();
      const missesOf = async (of: TenantCache) => (await of.stats({ tenantId: "large" })).totals.misses;
      // It is remembered for 5 seconds: on a machine that stood still for so long, once more.
      let ran = 0;
      for (let attempt = 0; ran < 3 && attempt < 5; attempt++) {
        const held = gate();
        for (const each of [app, otherApp]) each.hold(held.passed);
        const runs = () => app.runs + otherApp.runs;
        const before = [runs(), await missesOf(cache), await missesOf(otherCache)] as const;
        const all = [ask(app), ask(app), ask(otherApp)];
        const haveMissed = async () =>
          (await missesOf(cache)) >= before[1] + (cache === otherCache ? 3 : 2) &&
          (await missesOf(otherCache)) > before[2];
        while (!(await haveMissed())) await new Promise(setImmediate);
        held.open();
        for (const { body } of await Promise.all(all)) assert.notEqual(body, "");
        ran = runs() - before[0];
        await Promise.all([cache.idle(), otherCache.idle()]);
      }
      assert.equal(ran, 3, "each ran its own handler");
      const { totals, quotaBytes } = await cache.stats({ tenantId: "large" });
      assert.deepEqual([totals.entries, totals.sets, quotaBytes], [0, 0, 0]);
      assert.ok(totals.quotaRefusals >= 3);
    });

    test("a body larger than the quota is known at once not to be storable, whatever maxBodyBytes says", async () => {
      const answer = await app.request(`/list/larger?bytes=${QUOTA + 1}`, { tenant: "larger" });
      assert.equal(answer.cache, "fwd=miss; detail=too-large");
      await cache.idle();
      assert.equal((await cache.stats({ tenantId: "larger" })).totals.quotaRefusals, 0, "not even asked");
    });

    test("compressed variants that do not fit leave the entry as it is", async () => {
      const ask = () =>
        app.request(`/list/variants?compressible=1&bytes=${150 * KIB}`, {
          tenant: "variants",
          headers: { "accept-encoding": "gzip, br" },
        });
      const { body } = await ask();
      await cache.idle();
      for (let n = 0; n < 3; n++) {
        const hit = await ask();
        assert.deepEqual(
          [hit.cache, hit.body === body, hit.headers.get("content-encoding")],
          ["hit", true, null],
        );
        await cache.idle();
      }
    });

    test("values of the toolkit count like responses, and one that does not fit replaces nothing by itself", async () => {
      const space = cache.manager.tenant("toolkit");
      for (let n = 0; n < 20; n++) assert.equal(await space.set(`users:${n}`, randomBytes(30 * KIB)), true);
      const { quotaBytes, totals } = await cache.stats({ tenantId: "toolkit" });
      assert.ok(quotaBytes && quotaBytes <= QUOTA && quotaBytes > 0.8 * QUOTA, String(quotaBytes));
      assert.equal(totals.quotaEvictions, 20 - (totals.entries ?? 0));
      assert.equal(await space.set("users:19", randomBytes(QUOTA)), false);
      assert.equal(await space.get("users:19"), undefined, "what was there is older");
      assert.equal((await space.getOrSet("users:20", () => randomBytes(QUOTA))).length, QUOTA);
      await space.delete(...Array.from({ length: 20 }, (_, n) => `users:${n}`));
      // Cut off by its own fence, and gone with its name.
      assert.equal((await cache.stats({ tenantId: "toolkit" })).quotaBytes, 0);
    });
  });
}

describe("a tenant's quota in a Redis that evicts", () => {
  let redis: RedisServer;

  beforeAll(async () => {
    // allkeys-lru, as in docker-compose.yml.
    redis = await startRedisServer({ args: ["--maxmemory", "16mb"] });
  });
  afterAll(() => redis.stop());

  /** One tenant asks for 260 responses of 256 KiB; resolves with how many of the other's 20 entries are hits still. */
  async function flood(maxBytesPerTenant: number): Promise<{ hits: number; evicted: number }> {
    const cache = await openCache("redis-only", { redis: redis.url, maxBytesPerTenant });
    const app = await serveBodies(cache);
    const ofNeighbour = (n: number) => app.request(`/list/${n}?bytes=${4 * KIB}`, { tenant: "neighbour" });
    const evictedKeys = async () => (await cache.stats()).server?.evictedKeys ?? Number.NaN;
    const evictedBefore = await evictedKeys();
    for (let n = 0; n < 20; n++) await ofNeighbour(n);
    await cache.idle();
    for (let n = 0; n < 260; n++) await app.request(`/list/${n}?bytes=${256 * KIB}`, { tenant: "greedy" });
    await cache.idle();
    let hits = 0;
    for (let n = 0; n < 20; n++) if ((await ofNeighbour(n)).cache === "hit") hits++;
    const evicted = (await evictedKeys()) - evictedBefore;
    await app.close();
    await cache.close();
    return { hits, evicted };
  }

  test("260 large responses for one tenant: the server evicts nothing, and the other's entries are hits", async () => {
    assert.deepEqual(await flood(4 * MIB), { hits: 20, evicted: 0 });
  });

  test("the same without a quota pushes the other's entries out", async () => {
    const { hits, evicted } = await flood(Number.POSITIVE_INFINITY);
    assert.ok(evicted > 100 && hits < 20, `${evicted} evicted, ${hits} hits`);
  });

  test("what it may be: a number of bytes, or Infinity; and by default it is there", async () => {
    for (const maxBytesPerTenant of [0, -1, 1.5, Number.NaN, "64mb" as unknown as number])
      assert.throws(
        () => createTenantCache({ tenant: () => undefined, maxBytesPerTenant }),
        /maxBytesPerTenant.*|must be a whole number of bytes above 0, or Infinity/,
      );
    const open = await openCache("redis", { redis: redis.url, maxBytesPerTenant: Number.POSITIVE_INFINITY });
    assert.equal((await open.stats()).maxBytesPerTenant, null);
    await open.close();
    const byDefault = await openCache("redis", { redis: redis.url });
    assert.equal((await byDefault.stats()).maxBytesPerTenant, 64 * MIB);
    await byDefault.close();
    const inProcess = await openCache("memory");
    assert.equal((await inProcess.stats()).maxBytesPerTenant, 16 * MIB, "its share of the store is smaller");
    await inProcess.close();
  });
});
