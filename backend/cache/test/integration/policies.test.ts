// What routes have in common (`policies`), a cache that is turned off, what is for one user alone, and tenants whose ids are numbers.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Router } from "express";
import { afterTest } from "../../../servers/in-test.js";
import { createTenantCache, type TenantCache, type TenantCacheOptions } from "../../src/index.js";
import { isError } from "../../src/thrown.js";
import { openCache, STORES, type StoreName } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

interface World extends HttpApp {
  readonly cache: TenantCache;
  readonly runs: () => number;
}

/** Each path of `routes` with what follows the module in its `cacheList`. */
async function open(
  store: StoreName,
  options: Partial<TenantCacheOptions>,
  routes: Readonly<Record<string, Parameters<TenantCache["cacheList"]>[1]>>,
  cacheControl?: string,
): Promise<World> {
  const cache = await openCache(store, options);
  let runs = 0;
  const app = await serve((express) => {
    express.set("etag", false);
    for (const [path, given] of Object.entries(routes))
      express.get(path, cache.cacheList("accounts", given), (req, res) => {
        if (cacheControl !== undefined) res.set("Cache-Control", cacheControl);
        res.json([++runs, req.get("x-user") ?? ""]);
      });
    express.post("/accounts", cache.invalidateCache("accounts"), (_req, res) => void res.sendStatus(204));
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  return { ...app, cache, runs: () => runs };
}

const leftOf = ({ headers }: { headers: Headers }) =>
  Number(/ttl=(\d+)/.exec(headers.get("cache-status") ?? "")?.[1]);

describe("policies", () => {
  test("a route has what it says, then what its policy says, then what all have in common", async () => {
    const app = await open(
      "memory",
      {
        policies: {
          base: { statuses: [200, 404], headers: { etag: false }, ttlSeconds: 30 },
          reference: { ttlSeconds: 3600, headers: { cacheControl: false } },
          brief: 10,
        },
      },
      {
        "/base": undefined,
        "/named": "reference",
        "/brief": "brief",
        "/seconds": 77,
        "/own": { policy: "reference", ttlSeconds: 50, headers: { etag: true } },
      },
    );
    const expected: Record<string, [ttlSeconds: number, etag: boolean, cacheControl: boolean]> = {
      "/base": [30, false, true],
      "/named": [3600, false, false],
      "/brief": [10, false, true],
      "/seconds": [77, false, true],
      "/own": [50, true, false],
    };
    for (const [path, [ttlSeconds, hasETag, hasCacheControl]] of Object.entries(expected)) {
      await app.request(path);
      const hit = await app.request(path);
      assert.equal(hit.cache, "hit", path);
      assert.ok(leftOf(hit) <= ttlSeconds && leftOf(hit) > ttlSeconds - 8, `${path} ${leftOf(hit)}`);
      assert.equal(hit.headers.has("etag"), hasETag, path);
      assert.equal(hit.headers.has("cache-control"), hasCacheControl, path);
    }
  });

  test("a wrong one is refused when the cache is made, one that is not there when the route is", () => {
    const create = (policies: object) =>
      createTenantCache({ tenant: () => "a", policies: policies as never });
    const refused: readonly (readonly [make: () => unknown, said: RegExp])[] = [
      [() => create({ reference: { ttl: 60 } }), /policies\.reference: there is no option ttl .* ttlSeconds/],
      [() => create({ reference: 180_000 }), /policies\.reference is 180000, a number: a TTL is in seconds/],
      [() => create({ reference: { policy: "base" } }), /policies\.reference: there is no option policy/],
      [
        () => create({ "My policy": 60 }),
        /a policy is called "My policy", a string: write a lower-case word/,
      ],
      [
        () => create({ reference: 60 }).cacheList("plans", "referense"),
        /no policy "referense", a string: write "reference"/,
      ],
      [() => create({ brief: 60 }).cacheList("plans", "slow"), /no policy "slow", a string: write "brief"/],
      [() => create({}).cacheList("plans", "3m"), /ETC_TTL: .*write 180/],
    ];
    for (const [make, said] of refused)
      assert.throws(make, (error) => isError(error) && said.test(error.message), String(make));
  });
});

describe("enabled: false", () => {
  test("of a route, and of all routes: the handler answers, and mutations invalidate still", async () => {
    const keyPrefix = `test:policies:${process.pid}:${Date.now()}:`;
    const on = await open("redis", { keyPrefix }, { "/on": 60, "/off": { enabled: false } });
    const off = await open("redis", { keyPrefix, enabled: false }, { "/on": 60 });
    for (let round = 0; round < 2; round++) {
      assert.equal((await on.request("/off")).cache, "fwd=bypass; detail=disabled");
      assert.equal((await off.request("/on")).cache, "fwd=bypass; detail=disabled");
      await on.request("/on");
    }
    assert.equal((await on.request("/on")).cache, "hit");
    await off.request("/accounts", { method: "POST" });
    assert.equal((await on.request("/on")).cache, "fwd=miss; stored");
  });
});

for (const store of STORES) {
  describe(`privateResponses (${store})`, () => {
    test("what says private is stored for its own user, for as long as it says", async () => {
      const app = await open(
        store,
        { scope: (req) => req.get("x-user") ?? "", privateResponses: "scope" },
        { "/mine": 180, "/shared": { scope: "tenant" }, "/refused": { privateResponses: "refuse" } },
        "private, max-age=60, s-maxage=5",
      );
      const as = (user: string, path = "/mine") => app.request(path, { headers: { "x-user": user } });
      for (const user of ["ada", "bob"]) {
        const miss = await as(user);
        const hit = await as(user);
        assert.deepEqual([miss.cache, hit.cache, hit.body], ["fwd=miss; stored", "hit", miss.body]);
        assert.ok(leftOf(hit) > 5 && leftOf(hit) <= 60, String(leftOf(hit)));
        assert.equal(hit.headers.get("cache-control"), "private, max-age=60, s-maxage=5");
      }
      for (const path of ["/shared", "/refused"])
        for (let round = 0; round < 2; round++)
          assert.equal((await as("ada", path)).cache, "fwd=miss; detail=private", path);
    });

    test("a tenant's id may be a number, and is the same as its text", async () => {
      const ids = new Map<string, number | bigint | string>([
        ["number", 42],
        ["text", "42"],
        ["bigint", 42n],
        ["other", 43],
        ["none", Number.NaN],
      ]);
      const app = await open(store, { tenant: (req) => ids.get(req.get("x-tenant") ?? "") }, { "/": 60 });
      const as = async (tenant: string) => (await app.request("/", { tenant })).cache;
      assert.equal(await as("number"), "fwd=miss; stored");
      await app.cache.idle();
      for (const tenant of ["text", "bigint", "number"]) assert.equal(await as(tenant), "hit", tenant);
      assert.equal(await as("other"), "fwd=miss; stored");
      assert.equal(await as("none"), "fwd=bypass; detail=no-tenant");
      await app.cache.invalidateTenantCache(42, "accounts");
      assert.equal(await as("text"), "fwd=miss; stored");
      assert.equal(await as("other"), "hit");
      assert.equal((await app.cache.stats({ tenantId: 42 })).totals.misses, 2);
    });
  });
}

describe("router.use", () => {
  test("one line for a whole router: reads are cached, writes invalidate, what refuses comes first", async () => {
    const cache = await openCache("memory");
    let orders = 0;
    const router = Router();
    router.use(
      (req, res, next) => (req.get("x-role") === "guest" ? void res.sendStatus(403) : next()),
      cache.cacheList("orders"),
      cache.invalidateCache("orders"),
    );
    router.get("/:id", (req, res) => void res.json([req.params.id, orders]));
    router.post("/", (_req, res) => void res.json(++orders));
    const app = await serve((express) => express.use("/orders", router));
    afterTest(async () => {
      await app.close();
      await cache.close();
    });
    assert.equal((await app.request("/orders/1")).cache, "fwd=miss; stored");
    assert.equal((await app.request("/orders/1")).cache, "hit");
    assert.equal((await app.request("/orders/1", { headers: { "x-role": "guest" } })).status, 403);
    assert.equal((await app.request("/orders", { method: "POST" })).cache, "");
    const fresh = await app.request("/orders/1");
    assert.deepEqual([fresh.cache, JSON.parse(fresh.body)], ["fwd=miss; stored", ["1", 1]]);
  });
});
