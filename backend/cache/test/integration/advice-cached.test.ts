// `cache.advice()` of what is cached: forecasts beside what is measured, and what cached routes are told.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { describe, test } from "@jest/globals";
import express from "express";
import { afterTest, setClock } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import type { CacheAdvice } from "../../src/index.js";
import { adviceOn, codes, observing } from "../support/advised-app.js";
import { openCache, STORES } from "../support/caches.js";
import { serve } from "../support/http-app.js";

for (const store of STORES) {
  describe(`advice on what is cached (${store} store)`, () => {
    test("forecasts at the present TTL what is measured, for routes and for values", async () => {
      const cache = await openCache(store, { keyPrefix: `test:${randomUUID()}:` });
      afterTest(() => cache.close());
      const app = await serve((express) => {
        express.get("/list/:n", cache.cacheList("lists", 600), (req, res) => void res.json(req.params.n));
      });
      afterTest(() => app.close());
      const values = cache.manager.collection<string, { id: string }>("users:{id}", { ttlSeconds: 600 });
      const noHit = { hits: 0, misses: 0 };
      for (let n = 0; n < 120; n++) {
        await app.request(`/list/${(n * n) % 11}`);
        await values.getOrSet("tenant-1", { id: String((n * n) % 13) }, () => "a user");
        await cache.idle();
        if (n % 40 === 20) await cache.invalidateTenantCache("tenant-1", "lists");
        if (n % 30 === 10) await values.delete("tenant-1", { id: "1" });
      }
      const { modules } = await cache.stats();
      const { routes } = cache.advice();
      for (const [module, kind] of [
        ["lists", "cached"],
        ["users", "values"],
      ] as const) {
        const { hits, misses } = modules[module] ?? noHit;
        const route = routes.find((each) => each.module === module);
        assert.equal(route?.kind, kind);
        assert.ok(hits > 60 && misses > 10);
        assert.equal(route?.requests, hits + misses);
        assert.ok(Math.abs((route?.present?.hitRatio ?? 0) - hits / (hits + misses)) < 0.01, `${module}`);
      }
    });

    test("observeOnly: nothing is looked up or stored, and the forecast is what caching then brings", async () => {
      let runs = 0;
      const play = async (observeOnly: boolean): Promise<{ advice: CacheAdvice; runs: number }> => {
        const cache = await openCache(store, {
          keyPrefix: `test:${randomUUID()}:`,
          advice: { observeOnly },
        });
        afterTest(() => cache.close());
        const app = express();
        app.get("/list/:n", cache.cacheList("lists", 600), (req, res) => {
          runs++;
          res.json(req.params.n);
        });
        // The lane, too, has nothing to answer from.
        const identify = () => ({ tenant: "tenant-1" });
        const server = createServer(cache.lane(app, { identify }));
        await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
        afterTest(() => void server.close());
        const address = server.address();
        const port = typeof address === "object" ? address?.port : 0;
        const space = cache.manager.tenant("tenant-1");
        runs = 0;
        for (let n = 0; n < 40; n++) {
          const init = { headers: { "x-tenant": "tenant-1" } };
          await (await fetch(`http://127.0.0.1:${port}/list/${n % 4}`, init)).text();
          await space.getOrSet(`users:${n % 4}`, () => {
            runs++;
            return "a user";
          });
          if ((await space.get(`notes:${n % 4}`)) === undefined) {
            runs++;
            await space.set(`notes:${n % 4}`, "a note", { ttlSeconds: 600 });
          }
          await cache.idle();
        }
        const { totals } = await cache.stats();
        if (observeOnly) assert.deepEqual([totals.entries, totals.sets, totals.hits], [0, 0, 0]);
        server.closeAllConnections();
        return { advice: cache.advice(), runs };
      };
      const observed = await play(true);
      const cached = await play(false);
      assert.equal(observed.runs, 120);
      assert.equal(cached.runs, 12);
      for (const module of ["lists", "users", "notes"]) {
        const of = ({ advice }: { advice: CacheAdvice }) =>
          advice.routes.find((route) => route.module === module)?.present?.hitRatio;
        assert.equal(of(observed), 0.9, module);
        assert.equal(of(cached), 0.9, module);
      }
    });
  });
}

describe("a route that is cached", () => {
  test("and whose answers may not be stored is told why, and saves nothing", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/accounts", cache.cacheList("accounts"), (_req, res) => {
        res.set("Cache-Control", "no-store").json({});
      });
    });
    for (let n = 0; n < 12; n++) await app.request("/accounts");
    const route = await adviceOn(cache, "accounts", 12);
    assert.deepEqual(route.unstorable, { "no-store": 12 });
    assert.deepEqual([route.present?.hitRatio, route.present?.savedRatio], [0, 0]);
    assert.ok(route.handlerMs !== null);
    assert.deepEqual(codes(route), ["mostly-unstorable"]);
  });

  test("and answers each caller something else is told to have a scope", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/me", cache.cacheList("me", { ttlSeconds: 1 }), (req, res) => {
        res.json({ user: req.get("authorization") });
      });
    });
    // Each request misses: no entry is left by the one before it.
    for (let n = 0; n < 20; n++) {
      await app.request("/me", { headers: { authorization: `user ${Math.floor(n / 3) % 5}` } });
      await cache.idle();
      setClock(Date.now() + 2000);
    }
    assert.deepEqual(codes(await adviceOn(cache, "me", 20)), ["scope-missing"]);
  });

  test("counts those that wait for another's handler as misses that are saved", async () => {
    const waiting: (() => void)[] = [];
    const { cache, app } = await observing((app, cache) => {
      app.get("/slow", cache.cacheList("slow"), (_req, res) => {
        waiting.push(() => void res.json({}));
      });
    });
    const all = Promise.all(Array.from({ length: 5 }, () => app.request("/slow")));
    await until("all five have missed", () => (cache.advice().routes[0]?.requests ?? 0) === 5);
    for (const answer of waiting.splice(0)) answer();
    await all;
    await app.request("/slow");
    const [route] = cache.advice().routes;
    const { totals } = await cache.stats();
    assert.deepEqual([totals.hits, totals.misses, totals.collapsed], [1, 5, 4]);
    const { hitRatio = 0, savedRatio = 0 } = route?.present ?? {};
    assert.deepEqual([hitRatio * 6, savedRatio * 6], [1, 5]);
  });
});
