// `cacheList` over real HTTP: what is a hit, and for whom. Handler runs are counted, not inferred.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Request } from "express";
import { TenantCacheError } from "../../src/errors.js";
import { openCache, STORES } from "../support/caches.js";
import { gate } from "../support/http-app.js";
import { type ListApp, openListApp } from "../support/list-app.js";
import { timeLeft } from "../support/time-left.js";

const ROUTES = {
  "/varied": { vary: ["Accept-Language"] },
  "/known": { params: ["q"] },
  "/validated": {
    // As a validator would: numbers are numbers, what is left out has its default.
    query: (req: Request) =>
      req.query.limit === "broken" ? new Map() : { limit: Number(req.query.limit ?? 50), q: req.query.q },
  },
  "/scoped": { scope: (req: Request) => req.get("x-role") ?? "" },
};

for (const store of STORES) {
  describe(`cacheList with the ${store} store`, () => {
    let list: ListApp;

    beforeAll(async () => {
      list = await openListApp(store, ROUTES);
    });
    afterAll(() => list.close());

    test("the second request is a hit: same status, body, handler headers; the handler ran once", async () => {
      list.handle((_req, res) =>
        res
          .status(200)
          .set("X-Total", "2")
          .json([{ name: "é" }, { name: "b" }]),
      );
      const assertLeft = timeLeft();
      const miss = await list.request("/list/hit");
      const hit = await list.request("/list/hit");
      assert.equal(miss.cache, "fwd=miss; stored");
      assert.equal(hit.cache, "hit");
      assert.equal(list.runs, 1);
      assert.equal(hit.body, miss.body);
      for (const name of ["content-type", "x-total", "etag", "content-length", "cache-control"]) {
        assert.equal(hit.headers.get(name), miss.headers.get(name), name);
      }
      assertLeft(180 - Number(hit.headers.get("age")), 180);
      assert.equal(hit.headers.get("cache-control"), "private, no-cache");
    });

    test("headers of earlier middleware are those of each request, never replayed", async () => {
      list.handle((_req, res) => res.vary("Accept").json(1));
      await list.request("/list/vary-undeclared");
      assert.equal(
        (await list.request("/list/vary-undeclared")).cache,
        "fwd=miss; detail=vary",
        "an undeclared Vary is not stored",
      );
      list.handle((_req, res) => res.json(1));
      const miss = await list.request("/list/headers");
      const hit = await list.request("/list/headers");
      assert.equal(hit.cache, "hit");
      assert.notEqual(hit.headers.get("x-request-id"), miss.headers.get("x-request-id"));
      assert.equal(hit.headers.get("set-cookie"), "session=of-this-request");
      assert.equal(hit.headers.get("vary"), "Origin");
    });

    test("what a handler allows one origin is not replayed to another", async () => {
      list.handle((req, res) =>
        res
          .vary("Origin")
          .set("Access-Control-Allow-Origin", req.get("origin") ?? "")
          .json(1),
      );
      for (const origin of ["https://a.example", "https://b.example"]) {
        const answer = await list.request("/list/origins", { headers: { origin } });
        assert.equal(answer.headers.get("access-control-allow-origin"), origin);
      }
      assert.equal(list.runs, 2);
    });

    test("a header that the handler removed is removed from hits too", async () => {
      list.handle((_req, res) => res.removeHeader("X-Powered-By") ?? res.json(1));
      const answers = [await list.request("/list/removed"), await list.request("/list/removed")];
      assert.deepEqual(
        answers.map(({ headers }) => headers.has("x-powered-by")),
        [false, false],
      );
      assert.equal(list.runs, 1);
    });

    test("a tenant never gets what was made for another", async () => {
      list.handle((req, res) => res.json({ tenant: req.get("x-tenant") }));
      for (const tenant of ["tenant-a", "tenant-b", "tenant-a", "tenant-b"]) {
        const { body } = await list.request("/list/tenants", { tenant });
        assert.deepEqual(JSON.parse(body), { tenant });
      }
      assert.equal(list.runs, 2);
    });

    test("no tenant, or an id that is none, bypasses the cache", async () => {
      list.handle((_req, res) => res.json(1));
      for (const tenant of ["", "*", "a:b", "a b", "{x}", "x".repeat(200)]) {
        for (let round = 0; round < 2; round++) {
          const answer = await list.request("/list/bypass", { tenant });
          assert.equal(answer.cache, "fwd=bypass; detail=no-tenant", tenant);
        }
      }
      assert.equal(list.runs, 12);
    });

    test("requests that differ are kept apart, requests that do not are not", async () => {
      list.handle((req, res) => res.send(req.url));
      const different = ["?a=1&a=2", "?a=2&a=1", "?a[]=1&a[]=2", "?a=1%26a%3D2", "", "?a"];
      for (const query of different)
        assert.equal((await list.request(`/list/keys${query}`)).cache, "fwd=miss; stored");
      assert.equal((await list.request("/list/keys?b=1&a=2")).cache, "fwd=miss; stored");
      assert.equal((await list.request("/list/keys?a=2&b=1")).cache, "hit");
      assert.equal(list.runs, different.length + 1);
    });

    test("a query that the route has validated is one entry, however it is spelled", async () => {
      list.handle((req, res) => res.json(req.query.q ?? null));
      assert.equal((await list.request("/validated")).cache, "fwd=miss; stored");
      for (const spelling of [
        "?",
        "?limit=50",
        "?limit=050",
        "?limit=5e1",
        "?&limit=%350&",
        "?LIMIT=7&limit=50",
      ])
        assert.equal((await list.request(`/validated${spelling}`)).cache, "hit", spelling);
      for (const other of ["?limit=51", "?q=50", "?q=", "?q=1&q=2"])
        assert.equal((await list.request(`/validated${other}`)).cache, "fwd=miss; stored", other);
      assert.equal(list.runs, 5);
      assert.equal((await list.request("/validated?limit=broken")).cache, "fwd=bypass; detail=query");
    });

    test("a query of 10,000 characters bypasses; so does a range, a body, and an unlisted parameter", async () => {
      list.handle((_req, res) => res.json(1));
      const long = await list.request(`/list/long?q=${"x".repeat(10_000)}`);
      assert.equal(long.cache, "fwd=bypass; detail=too-long");
      const range = await list.request("/list/range", { headers: { range: "bytes=0-1" } });
      assert.equal(range.cache, "fwd=bypass; detail=range");
      assert.equal((await list.request("/known?q=1&junk=2")).cache, "fwd=bypass; detail=params");
      assert.equal((await list.request("/known?q=1")).cache, "fwd=miss; stored");
    });

    test("scope and declared vary headers keep views apart", async () => {
      list.handle((req, res) =>
        res.vary("Accept-Language").send(`${req.get("accept-language")} ${req.get("x-role")}`),
      );
      for (const language of ["de", "en", "de", "en"]) {
        const { body } = await list.request("/varied", { headers: { "accept-language": language } });
        assert.match(body, new RegExp(language));
      }
      assert.equal(list.runs, 2);
      list.handle((req, res) => res.send(req.get("x-role")));
      for (const role of ["admin", "viewer", "admin"]) {
        assert.equal((await list.request("/scoped", { headers: { "x-role": role } })).body, role);
      }
      assert.equal(list.runs, 2);
      assert.equal((await list.request("/scoped")).cache, "fwd=bypass; detail=scope");
    });

    test("only GET fills and only GET and HEAD are answered", async () => {
      list.handle((req, res) => res.send(req.method));
      assert.equal((await list.request("/list/methods", { method: "HEAD" })).cache, "fwd=miss; detail=head");
      await list.request("/list/methods");
      assert.equal((await list.request("/list/methods", { method: "POST" })).body, "POST");
      const head = await list.request("/list/methods", { method: "HEAD" });
      assert.equal(head.cache, "hit");
      assert.equal(head.headers.get("content-length"), "3");
      assert.equal(head.body, "");
      assert.equal(list.runs, 3);
    });

    test("If-None-Match gives 304 from a hit and from the fill itself, which is stored all the same", async () => {
      list.handle((_req, res) => res.json({ rows: [] }));
      const { headers } = await list.request("/list/etag");
      const etag = headers.get("etag") ?? "";
      const conditional = await list.request("/list/etag", { headers: { "if-none-match": `"x", ${etag}` } });
      assert.equal(conditional.status, 304);
      assert.equal(conditional.body, "");
      assert.equal(conditional.headers.get("etag"), etag);
      assert.equal(conditional.headers.get("content-length"), null);
      await list.cache.invalidateTenantCache("tenant-1", "accounts");
      const filled = await list.request("/list/etag", { headers: { "if-none-match": etag } });
      assert.equal(filled.status, 304);
      assert.equal(filled.cache, "fwd=miss; stored");
      const hit = await list.request("/list/etag");
      assert.deepEqual([hit.status, hit.cache, hit.body], [200, "hit", '{"rows":[]}']);
      assert.equal(list.runs, 2);
    });

    test("concurrent requests for a cold key run the handler once", async () => {
      const held = gate();
      list.handle(async (_req, res) => {
        await held.passed;
        res.json({ rows: 1 });
      });
      const requests = Array.from({ length: 40 }, () =>
        list.request("/list/cold", { tenant: "tenant-cold" }),
      );
      while ((await list.cache.stats({ tenantId: "tenant-cold" })).totals.misses < 40)
        await new Promise(setImmediate);
      held.open();
      const answers = await Promise.all(requests);
      assert.equal(list.runs, 1);
      assert.equal(new Set(answers.map(({ body }) => body)).size, 1);
      assert.equal(answers.filter((one) => one.cache === "fwd=miss; collapsed").length, 39);
    });

    test("followers of a response that is not storable run their own handler and get their own cookie", async () => {
      const held = gate();
      list.handle(async (_req, res) => {
        const mine = String(list.runs);
        await held.passed;
        res.cookie("own", mine).json({});
      });
      const requests = Array.from({ length: 5 }, () => list.request("/list/cookies"));
      while (list.runs === 0) await new Promise(setImmediate);
      held.open();
      const cookies = (await Promise.all(requests)).map(({ headers }) => headers.getSetCookie().at(-1));
      assert.equal(new Set(cookies).size, 5);
      assert.equal(list.runs, 5);
    });

    test("junk parameters of one module make room for each other, and are bounded", async () => {
      list.handle((_req, res) => res.json({}));
      for (let junk = 0; junk < 30; junk++)
        await list.request(`/list/junk?n=${junk}`, { tenant: "tenant-junk" });
      await list.cache.idle();
      const { totals } = await list.cache.stats({ tenantId: "tenant-junk" });
      assert.equal(totals.entries, 20);
    });

    test("stats say what happened", async () => {
      list.handle((_req, res) => res.json({}));
      const tenant = "tenant-stats";
      await list.request("/list/stats", { tenant });
      await list.request("/list/stats", { tenant });
      await list.request("/list/stats", { tenant });
      await list.cache.invalidateTenantCache(tenant, "accounts");
      await list.cache.idle();
      const { totals, modules, store: storeStats } = await list.cache.stats({ tenantId: tenant });
      const { hits, misses, sets, invalidations, hitRatio, entries } = totals;
      assert.deepEqual(
        { hits, misses, sets, invalidations, entries },
        { hits: 2, misses: 1, sets: 1, invalidations: 1, entries: 0 },
      );
      assert.equal(hitRatio, 2 / 3);
      assert.equal(modules.accounts?.hits, 2);
      assert.equal(storeStats.kind, store === "memory" ? "memory" : "redis");
      assert.equal(storeStats.connected, true);
    });
  });
}

describe("cacheList, misused", () => {
  test("is refused when the route is mounted, with what to write instead", async () => {
    const cache = await openCache("memory");
    const refused = (code: string, mount: () => unknown) =>
      assert.throws(mount, (error) => error instanceof TenantCacheError && error.code === code);
    refused("ETC_MODULE_NAME", () => cache.cacheList("Accounts"));
    refused("ETC_MODULE_NAME", () => cache.invalidateCache("accounts:*"));
    refused("ETC_TTL", () => cache.cacheList("accounts", 0));
    refused("ETC_TTL", () => cache.cacheList("accounts", 180_000_000));
    refused("ETC_OPTIONS", () => cache.cacheList("accounts", { ttl: 3 } as object));
    refused("ETC_OPTIONS", () => cache.invalidateCache());
    await assert.rejects(cache.invalidateAllTenant("*"), { code: "ETC_TENANT_ID" });
    await cache.close();
  });
});
