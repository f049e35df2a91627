// `reservedBytesPerTenant` and `maxPooledBytes`: a noisy neighbour costs a quiet tenant nothing, counted in handler runs.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest, tell } from "../../../servers/in-test.js";
import { sharedRedisUrl, startRedisServer } from "../../../servers/index.js";
import { createTenantCache, type TenantCache, type TenantCacheOptions } from "../../src/index.js";
import { openCache, PATIENT, quiet, READY_WITHIN_MS, STORES } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const QUIET_LISTS = 20;
const BODY = 8 * KIB;
const ROUNDS = 4;
/** What the quiet tenant has, with its books. */
const RESERVED = 300 * KIB;
const POOLED = 600 * KIB;

interface Bodies extends HttpApp {
  runsOf(tenant: string): number;
}

async function serveBodies(cache: TenantCache): Promise<Bodies> {
  const runs = new Map<string, number>();
  const app = await serve((express) => {
    express.get("/list/:n", cache.cacheList("accounts", 3600), (req, res) => {
      const tenant = req.get("x-tenant") ?? "";
      runs.set(tenant, (runs.get(tenant) ?? 0) + 1);
      res.type("application/octet-stream").end(randomBytes(BODY));
    });
  });
  return { ...app, runsOf: (tenant) => runs.get(tenant) ?? 0 };
}

/** The hit ratio of the quiet tenant's requests once it has its entries, while neighbours store ten times what there is. */
async function quietHitRatio(cache: TenantCache, neighbours: number): Promise<number> {
  const app = await serveBodies(cache);
  afterTest(() => app.close());
  const ask = (tenant: string, n: number) => app.request(`/list/${n}`, { tenant });
  for (let n = 0; n < QUIET_LISTS; n++) await ask("quiet", n);
  await cache.idle();
  const filled = app.runsOf("quiet");
  let noise = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let burst = 0; burst < 30 && neighbours > 0; burst++) {
      await Promise.all(
        Array.from({ length: 8 * neighbours }, () => ask(`noisy-${noise % neighbours}`, noise++)),
      );
      await cache.idle();
    }
    for (let n = 0; n < QUIET_LISTS; n++) await ask("quiet", n);
    await cache.idle();
  }
  return 1 - (app.runsOf("quiet") - filled) / (QUIET_LISTS * ROUNDS);
}

describe("a quiet tenant beside noisy ones", () => {
  const memory = (options: Partial<TenantCacheOptions>) =>
    openCache("memory", { memory: { maxBytes: RESERVED * 2 + POOLED, maxTenantShare: 0.9 }, ...options });

  test("in process: loses its entries without a reservation, and no request with one", async () => {
    const ratios: number[] = [];
    for (const [neighbours, options] of [
      [0, {}],
      [2, {}],
      [2, { reservedBytesPerTenant: RESERVED }],
    ] as const) {
      const cache = await memory(options);
      afterTest(() => cache.close());
      ratios.push(await quietHitRatio(cache, neighbours));
      const { totals } = await cache.stats();
      assert.ok((totals.bytes ?? 0) <= RESERVED * 2 + POOLED);
    }
    const [alone = 0, beside = 0, reserved = 0] = ratios;
    tell(`hit ratio alone ${alone}, beside noisy neighbours ${beside}, with a reservation ${reserved}`);
    assert.equal(alone, 1);
    assert.ok(beside < 0.5, `${beside}`);
    assert.ok(alone - reserved <= 0.01, `${reserved}`);
  });

  test("in Redis, which evicts the idle: the same, by the library's own ledger", async () => {
    // Room for what is reserved and the pool, for what the allocator adds to both, and for connections.
    const server = await startRedisServer();
    afterTest(() => server.stop());
    const operator = new Redis(server.url);
    afterTest(() => operator.disconnect());
    const empty = Number(/used_memory:(\d+)/.exec(await operator.info("memory"))?.[1]);
    await operator.config("SET", "maxmemory", String(Math.ceil(empty + 1.3 * (3 * RESERVED + POOLED) + MIB)));
    await operator.config("SET", "maxmemory-policy", "allkeys-lru");
    const evicted = async () => Number(/evicted_keys:(\d+)/.exec(await operator.info("stats"))?.[1]);
    const ratios: number[] = [];
    const evictions: number[] = [];
    for (const [neighbours, options] of [
      [0, {}],
      [2, {}],
      [2, { reservedBytesPerTenant: RESERVED, maxPooledBytes: POOLED }],
    ] as const) {
      await operator.flushall();
      const before = await evicted();
      const cache = createTenantCache({
        redis: server.url,
        tenant: (req) => req.get("x-tenant"),
        local: { maxBytes: 0 },
        logger: quiet,
        ...PATIENT,
        ...options,
      });
      afterTest(() => cache.close());
      assert.ok(await cache.ready(READY_WITHIN_MS));
      ratios.push(await quietHitRatio(cache, neighbours));
      evictions.push((await evicted()) - before);
    }
    const [alone = 0, beside = 0, reserved = 0] = ratios;
    tell(
      `hit ratio alone ${alone}, beside noisy neighbours ${beside}, with a reservation ${reserved}; the server evicted ${evictions}`,
    );
    assert.equal(alone, 1);
    assert.ok(beside < 0.5, `${beside}`);
    assert.ok(alone - reserved <= 0.01, `${reserved}`);
    assert.equal(evictions[2], 0, "the server had nothing to evict");
  });
});

for (const store of STORES) {
  describe(`reserved and pooled memory with the ${store} store`, () => {
    const options = { reservedBytesPerTenant: 100 * KIB, maxPooledBytes: 400 * KIB };

    test("who alone uses the pool has all of it, and gives it up to others by and by", async () => {
      const cache = await openCache(store, { ...options, keyPrefix: `test:${randomUUID()}:` });
      afterTest(() => cache.close());
      const app = await serveBodies(cache);
      afterTest(() => app.close());
      const fill = async (tenant: string, count: number) => {
        for (let n = 0; n < count; n++) await app.request(`/list/${n}`, { tenant });
        await cache.idle();
      };
      const bytesOf = async (tenantId: string) => (await cache.stats({ tenantId })).quotaBytes ?? 0;
      await fill("first", 100);
      const alone = await bytesOf("first");
      assert.ok(alone > 400 * KIB && alone <= 500 * KIB, `${alone}`);
      for (const tenant of ["second", "third"]) await fill(tenant, 60);
      const all = await Promise.all(["first", "second", "third"].map(bytesOf));
      const pooled = all.reduce((sum, bytes) => sum + Math.max(0, bytes - 100 * KIB), 0);
      assert.ok(pooled <= 400 * KIB, `${all}`);
      for (const bytes of all) assert.ok(bytes >= 100 * KIB - BODY, `${all}`);
      assert.ok((all[0] ?? 0) < alone, "it has made room");
    });

    test("a tenant's own bound stays its bound", async () => {
      const cache = await openCache(store, {
        ...options,
        maxBytesPerTenant: 200 * KIB,
        keyPrefix: `test:${randomUUID()}:`,
      });
      afterTest(() => cache.close());
      const app = await serveBodies(cache);
      afterTest(() => app.close());
      for (let n = 0; n < 60; n++) await app.request(`/list/${n}`);
      await cache.idle();
      assert.ok(((await cache.stats({ tenantId: "tenant-1" })).quotaBytes ?? 0) <= 200 * KIB);
    });
  });
}

describe("reserved and pooled memory in Redis", () => {
  test("a pool that is lost is counted anew with what is stored next", async () => {
    const keyPrefix = `test:${randomUUID()}:`;
    const operator = new Redis(await sharedRedisUrl());
    afterTest(() => operator.disconnect());
    const cache = await openCache("redis", {
      reservedBytesPerTenant: 50 * KIB,
      maxPooledBytes: 300 * KIB,
      keyPrefix,
    });
    afterTest(() => cache.close());
    const app = await serveBodies(cache);
    afterTest(() => app.close());
    for (let n = 0; n < 30; n++) await app.request(`/list/${n}`);
    await cache.idle();
    const before = Number(await operator.zscore(`${keyPrefix}pool`, ""));
    assert.ok(before > 100 * KIB, `${before}`);
    await operator.del(`${keyPrefix}pool`);
    await app.request("/list/100");
    await cache.idle();
    const after = Number(await operator.zscore(`${keyPrefix}pool`, ""));
    assert.ok(after > before, `${after}`);
    assert.equal(after, Number(await operator.zscore(`${keyPrefix}pool`, "tenant-1")));
  });

  test("a reservation that nothing would keep is refused", () => {
    const made = (options: Partial<TenantCacheOptions>) => () =>
      createTenantCache({ tenant: () => "t", ...options });
    assert.throws(made({ redis: "redis://127.0.0.1:1", reservedBytesPerTenant: MIB }), /add maxPooledBytes/);
    assert.throws(made({ reservedBytesPerTenant: 32 * MIB }), /ETC_OPTIONS.*16777216 bytes at most/);
    assert.throws(
      made({ reservedBytesPerTenant: 2 * MIB, maxBytesPerTenant: MIB }),
      /ETC_OPTIONS.*reserve less/,
    );
  });
});
