// The warmer: entries and routes are filled before anybody asks; failures are told and stop nobody else.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type Express } from "express";
import { CacheWarmer, type TenantCache, type WarmProgress } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate } from "../support/http-app.js";

for (const store of STORES) {
  describe(`warming the ${store} store`, () => {
    let cache: TenantCache;
    let app: Express;
    let runs = 0;

    beforeAll(async () => {
      cache = await openCache(store);
      app = express();
      app.get("/accounts", cache.cacheList("accounts", 60), (req, res) => {
        runs++;
        res.json({ tenant: req.get("x-tenant") });
      });
      app.get("/broken", (_req, res) => res.sendStatus(500));
    });
    afterAll(() => cache.close());

    test("entries: all are filled, so many at a time, with progress", async () => {
      const space = cache.manager.tenant("acme");
      let working = 0;
      let most = 0;
      const keys = Array.from({ length: 21 }, (_, n) => `warm:${n}`);
      let together = gate();
      const warmer = new CacheWarmer(cache, { concurrency: 3 }).register("keys", {
        tenants: () => ["acme"],
        async *entries() {
          for (const key of keys)
            yield () =>
              space.getOrSet(key, async () => {
                most = Math.max(most, ++working);
                // In threes: each waits for the two that may work with it.
                const { passed, open } = together;
                if (working === 3) {
                  together = gate();
                  open();
                }
                await passed;
                working--;
                return key;
              });
        },
      });
      const seen: WarmProgress[] = [];
      warmer.on("started", (progress) => seen.push(progress));
      warmer.on("progress", (progress) => seen.push(progress));
      const result = await warmer.warm("keys");
      assert.deepEqual([result.done, result.failed, result.total, result.error], [21, 0, 21, undefined]);
      assert.equal(most, 3);
      assert.deepEqual(
        seen.map(({ done }) => done),
        Array.from({ length: 22 }, (_, n) => n),
      );
      await cache.idle();
      assert.deepEqual(await space.mGet(keys), keys);
    });

    test("routes: filled as each tenant, so that its first request is a hit", async () => {
      const warmer = new CacheWarmer(cache).register("lists", {
        app,
        tenants: () => ["tenant-1", "tenant-2"],
        urls: ["/accounts", "/accounts?page=2"],
        headers: (tenantId) => ({ "x-tenant": tenantId }),
      });
      const before = runs;
      assert.equal((await warmer.warm("lists")).done, 4);
      assert.equal(runs - before, 4);
      await cache.idle();
      await warmer.warm("lists");
      assert.equal(runs - before, 4, "they are there");
    });

    test("one failing strategy, or task, does not stop the others", async () => {
      const warmed: string[] = [];
      const warmer = new CacheWarmer(cache)
        .register("broken", { tenants: () => Promise.reject(new Error("no database")), entries: () => [] })
        .register("half", {
          tenants: () => ["acme"],
          entries: () => [
            () => warmed.push("before"),
            () => Promise.reject(new Error("no such row")),
            () => warmed.push("after"),
          ],
        })
        .register("routes", { app, tenants: () => ["tenant-1"], urls: ["/broken"], headers: () => ({}) })
        .register("last", { tenants: () => ["acme"], entries: () => [() => warmed.push("last")] });
      const results = await warmer.warmAll();
      assert.deepEqual(
        results.map(({ name, done, failed }) => [name, done, failed]),
        [
          ["broken", 0, 0],
          ["half", 3, 1],
          ["routes", 1, 1],
          ["last", 1, 0],
        ],
      );
      assert.equal(results[0]?.error?.message, "no database");
      assert.equal(results[1]?.taskErrors[0]?.message, "no such row");
      assert.match(results[2]?.taskErrors[0]?.message ?? "", /GET \/broken answered 500/);
      assert.deepEqual(warmed, ["before", "after", "last"]);
    });

    test("the figure is what the store holds: not what made room, was too large, or may not be kept", async () => {
      const small = await openCache(store, { maxBytesPerTenant: 20_000 });
      const space = small.manager.tenant("acme");
      const keys = Array.from({ length: 40 }, (_, n) => `full:${n}`);
      const warmer = new CacheWarmer(small, { concurrency: 1 })
        .register("full", {
          tenants: () => ["acme"],
          entries: () => keys.map((key) => () => space.getOrSet(key, () => "x".repeat(1000))),
        })
        .register("odd", {
          tenants: () => ["other"],
          entries: (tenantId) => [
            () => small.manager.tenant(tenantId).getOrSet("odd:large", () => "x".repeat(30_000)),
            () => small.manager.tenant(tenantId).getOrSet("odd:none", () => undefined),
            () => small.manager.tenant(tenantId).set("odd:set", 1),
          ],
        });
      const full = await warmer.warm("full");
      const held = (await space.mGet(keys)).filter((value) => value !== undefined).length;
      assert.ok(held > 0 && held < keys.length, String(held));
      assert.deepEqual([full.done, full.done - full.failed], [keys.length, held]);
      assert.match(full.taskErrors[0]?.message ?? "", /had no room/);
      const odd = await warmer.warm("odd");
      assert.deepEqual([odd.done, odd.failed], [3, 2]);
      await small.close();
    });

    test("routes that are not cached, or bypass the cache, are not warm", async () => {
      const open = express().get("/open", (_req, res) => void res.json([]));
      const tenants = () => ["tenant-1"];
      const warmer = new CacheWarmer(cache)
        .register("open", { app: open, tenants, urls: ["/open"], headers: () => ({}) })
        .register("nobody's", { app, tenants, urls: ["/accounts"], headers: () => ({}) });
      const [uncached, bypassed] = await warmer.warmAll();
      assert.match(uncached?.taskErrors[0]?.message ?? "", /no cacheList/);
      assert.deepEqual([bypassed?.done, bypassed?.failed], [1, 1]);
      assert.match(bypassed?.taskErrors[0]?.message ?? "", /no-tenant/);
    });

    test("strategies are checked when they are registered, tasks when they are listed", async () => {
      const warmer = new CacheWarmer(cache);
      const tenants = () => ["acme"];
      const refused: readonly (readonly [object, RegExp])[] = [
        [{ tenants, entries: () => [], concurency: 2 }, /concurency/],
        [{ tenants, entries: () => [], urls: ["/accounts"] }, /entries|app/],
        [{ tenants, app, headers: () => ({}), urls: [] }, /at least one path/],
        [{ tenants, app, headers: () => ({}), urls: ["accounts"] }, /paths with query/],
      ];
      for (const [strategy, message] of refused)
        assert.throws(() => warmer.register("x", strategy as never), message);
      warmer.register("begun", { tenants, entries: () => [Promise.resolve(1) as never] });
      const { failed, taskErrors } = await warmer.warm("begun");
      assert.equal(failed, 1);
      assert.match(taskErrors[0]?.message ?? "", /write a function for each entry/);
    });

    test("a run may be of some tenants only; one that cannot be listed fails alone", async () => {
      const warmed: string[] = [];
      const warmer = new CacheWarmer(cache).register("rows", {
        tenants: () => ["acme", "gone", "other"],
        entries: (tenantId) => {
          if (tenantId === "gone") throw new Error("no such tenant");
          return [() => warmed.push(tenantId)];
        },
      });
      const all = await warmer.warm("rows");
      assert.deepEqual([all.done, all.failed, all.taskErrors[0]?.message], [3, 1, "no such tenant"]);
      assert.deepEqual(warmed.splice(0), ["acme", "other"]);
      const [some] = await warmer.warmAll({ tenantIds: ["other"] });
      assert.deepEqual([some?.total, warmed], [1, ["other"]]);
    });

    test("a run under way is joined; a signal ends it", async () => {
      const release = gate();
      let runsOfTask = 0;
      const warmer = new CacheWarmer(cache).register("slow", {
        tenants: () => ["acme"],
        entries: () => [
          async () => {
            runsOfTask++;
            await release.passed;
          },
        ],
      });
      const [first, second] = [warmer.warm("slow"), warmer.warm("slow")];
      release.open();
      assert.equal(await first, await second);
      assert.equal(runsOfTask, 1);
      const result = await warmer.warm("slow", { signal: AbortSignal.abort(new Error("shutting down")) });
      assert.deepEqual([result.done, result.error?.message], [0, "shutting down"]);
    });

    test("names are used once, and known", async () => {
      const nothing = { tenants: () => ["acme"], entries: () => [] };
      const warmer = new CacheWarmer(cache).register("one", nothing);
      assert.throws(() => warmer.register("one", nothing), /ETC_OPTIONS/);
      await assert.rejects(warmer.warm("two"), /ETC_OPTIONS.*there are one/);
      assert.equal((await warmer.warm("one")).total, 0);
    });
  });
}
