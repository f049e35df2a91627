// Why a request was no hit: told afterwards by its id, in each of the reasons.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { MISS_REASONS, type TenantCacheOptions } from "../../src/index.js";
import { openCache, STORES, type StoreName } from "../support/caches.js";
import { serve } from "../support/http-app.js";

async function open(store: StoreName, options: Partial<TenantCacheOptions> = {}) {
  const cache = await openCache(store, options);
  const app = await serve((express) => {
    const list = cache.cacheList("list", { ttlSeconds: 1 });
    express.get("/list/:id", list, (_req, res) => void res.json("x".repeat(300)));
    express.get("/long/:id", cache.cacheList("long"), (_req, res) => void res.json("x".repeat(1000)));
    express.get("/secret/:id", cache.cacheList("secret"), (_req, res) => {
      res.setHeader("Cache-Control", "no-store").json({});
    });
    express.get(
      "/asked/:id",
      cache.cacheList("asked", { obeyRequest: true }),
      (_req, res) => void res.json({}),
    );
    express.post("/long", cache.invalidateCache("long"), (_req, res) => void res.sendStatus(204));
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  let requests = 0;
  return {
    ...app,
    cache,
    /** Why a request was no hit. */
    async why(path: string, headers: Record<string, string> = {}, tenant = "tenant-1") {
      const id = `request-${++requests}`;
      await app.request(path, { headers: { ...headers, "x-request-id": id }, tenant });
      await cache.idle();
      const [said, ...more] = await cache.explained(id);
      assert.deepEqual(more, []);
      return said;
    },
  };
}

describe.each(STORES)("why it was no hit, %s", (store) => {
  test("each reason", async () => {
    const { cache, request, why } = await open(store);
    const cold = await why("/list/1");
    assert.equal(cold?.miss?.reason, "cold");
    assert.equal(cold.path, "GET /list/:id");
    assert.equal(cold.tenant, "tenant-1");
    assert.equal(cold.module, "list");
    // Of a route whose entries live for long: a second may be over before a busy machine asks again.
    await why("/long/2");
    assert.equal(await why("/long/2"), undefined, "a hit");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal((await why("/list/1"))?.miss?.reason, "expired");
    await why("/long/1");
    await request("/long", { method: "POST", headers: { "x-request-id": "the-change" } });
    await cache.idle();
    const fenced = (await why("/long/1"))?.miss;
    assert.equal(fenced?.reason, "fenced");
    const { fence, cause } = fenced.fencedBy?.[0] ?? {};
    assert.deepEqual([fence, cause?.name, cause?.requestId], ["module long", "POST /long", "the-change"]);
    await why("/secret/1");
    assert.deepEqual((await why("/secret/1"))?.miss, { reason: "unstorable", detail: "no-store" });
    await why("/asked/1");
    const refused = await why("/asked/1", { "cache-control": "no-cache" });
    assert.deepEqual([refused?.fwd, refused?.miss?.reason], ["request", "refused"]);
    const bypass = await why("/list/1", { range: "bytes=0-1" });
    assert.deepEqual([bypass?.fwd, bypass?.detail, bypass?.miss], ["bypass", "range", null]);
    const nobody = await why("/list/1", {}, "");
    assert.deepEqual([nobody?.detail, nobody?.tenant], ["no-tenant", null]);
    const counts = cache.missReasons();
    assert.deepEqual(Object.keys(counts), [...MISS_REASONS]);
    assert.deepEqual(
      [counts.expired, counts.fenced, counts.unstorable, counts.refused, counts.evicted, counts.unknown],
      [1, 1, 1, 1, 0, 0],
    );
  });

  test("evicted, by the bound of its module", async () => {
    const { why } = await open(store, { maxEntriesPerModule: 3, local: { maxBytes: 0 } });
    for (const id of [1, 2, 3, 4]) await why(`/long/${id}`);
    assert.deepEqual((await why("/long/1"))?.miss, { reason: "evicted", evictedBy: "module" });
  });

  test("evicted, by its tenant's quota", async () => {
    const { why } = await open(store, { maxBytesPerTenant: 20_000, local: { maxBytes: 0 } });
    for (let id = 1; id <= 16; id++) await why(`/long/${id}`);
    assert.deepEqual((await why("/long/1"))?.miss, { reason: "evicted", evictedBy: "tenant" });
  });
});

test("evicted, by the server", async () => {
  const server = await startRedisServer();
  afterTest(() => server.stop());
  const { cache, why, request } = await open("redis-only", { redis: server.url, keyPrefix: "" });
  await why("/long/1");
  const admin = new Redis(server.url);
  // As a server does that has no room: the value goes, its listing stays.
  for (const key of await admin.keys("tenant:*")) await admin.unlink(key);
  const said = await cache.explain({ url: "/long/1", tenant: "tenant-1" });
  assert.deepEqual(said.miss, { reason: "evicted", evictedBy: "server" });
  assert.deepEqual((await why("/long/1"))?.miss, { reason: "evicted", evictedBy: "server" });
  assert.equal((await request("/long/1")).cache, "hit");
  admin.disconnect();
});

test("what is longer ago than two thousand requests is forgotten", async () => {
  const { cache, why, request } = await open("memory");
  assert.ok(await why("/list/1"));
  for (let n = 0; n < 2000; n += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        request("/list/1", { headers: { range: "bytes=0-1", "x-request-id": `later-${n + i}` } }),
      ),
    );
  assert.deepEqual(await cache.explained("request-1"), []);
  assert.equal((await cache.explained("later-0")).length, 1);
  assert.deepEqual(await cache.explained("no such request"), []);
  await assert.rejects(cache.explained(42 as never), /ETC_ARGUMENTS/);
});
