// `cache.observe` and `cache.advice()`: what is observed leaves no trace, and what is advised follows from what was asked and answered.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Agent, createServer } from "node:http";
import { describe, test } from "@jest/globals";
import express, { type Express } from "express";
import { exchange } from "../../../servers/exchange.js";
import { afterTest } from "../../../servers/in-test.js";
import {
  type CacheAdvice,
  createTenantCache,
  type RouteAdvice,
  type TenantCache,
  type TenantCacheOptions,
} from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const MIB = 1024 * 1024;

async function observing(
  mount: (app: Express, cache: TenantCache) => void,
  options: Partial<TenantCacheOptions> = {},
): Promise<{ readonly cache: TenantCache; readonly app: HttpApp }> {
  const cache = await openCache("memory", options);
  afterTest(() => cache.close());
  const app = await serve((express) => mount(express, cache));
  afterTest(() => app.close());
  return { cache, app };
}

/** Once all answers have been looked at: that is behind their last byte. */
async function adviceOn(cache: TenantCache, module: string, answers: number): Promise<RouteAdvice> {
  for (;;) {
    const route = cache.advice().routes.find((each) => each.module === module);
    const seen = Object.values(route?.unstorable ?? {}).reduce((sum, count) => sum + count, 0);
    if (route && (route.requests >= answers || seen >= answers) && route.handlerMs !== null) {
      await new Promise((resolve) => setImmediate(resolve));
      return cache.advice().routes.find((each) => each.module === module) as RouteAdvice;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const codes = ({ warnings }: RouteAdvice) => warnings.map(({ code }) => code);

describe("a route that is observed", () => {
  test("answers as if nothing were there: each request by its handler, with its own headers", async () => {
    let runs = 0;
    const { cache, app } = await observing((app, cache) => {
      const handler: express.RequestHandler = (_req, res) => {
        runs++;
        res.json({ list: "same" });
      };
      app.get("/plain", handler);
      app.get("/observed", cache.observe("accounts", 60), handler);
    });
    const plain = await app.request("/plain");
    for (let n = 0; n < 5; n++) {
      const { status, headers, body } = await app.request("/observed");
      const names = (of: Headers) => [...of.keys()].filter((name) => name !== "date");
      assert.deepEqual([status, body, names(headers)], [200, plain.body, names(plain.headers)]);
    }
    assert.equal(runs, 6);
    const { totals } = await cache.stats();
    assert.deepEqual([totals.entries, totals.hits, totals.sets], [0, 0, 0]);
    const agent = new Agent();
    const conditions = { "x-tenant": "tenant-1", "if-none-match": plain.headers.get("etag") ?? "" };
    const conditional = await exchange(agent, Number(new URL(app.url).port), "GET", "/observed", conditions);
    assert.equal(conditional.status, 304, "conditions are the handler's");
    const route = await adviceOn(cache, "accounts", 6);
    assert.deepEqual([route.unstorable, route.requests], [{}, 6], "a 304 is the answer of its ETag");
  });

  test("is told what it would have: hit ratio, time, bytes and queries saved", async () => {
    const { cache, app } = await observing(
      (app, cache) => {
        app.get("/accounts/:id", cache.observe("accounts", 60), (_req, res) => {
          res.locals.queries = 3;
          res.json({ filling: "x".repeat(1000) });
        });
      },
      { advice: { queries: (_req, res) => res.locals.queries } },
    );
    for (let n = 0; n < 50; n++) await app.request(`/accounts/${n % 5}`);
    const route = await adviceOn(cache, "accounts", 50);
    assert.equal(route.kind, "observed");
    assert.equal(route.path, "/accounts/:id");
    assert.equal(route.requests, 50);
    assert.equal(route.present?.ttlSeconds, 60);
    assert.equal(route.present?.hitRatio, 0.9);
    assert.equal(route.bodyBytes, 1014);
    const { handlerMs, requestsPerHour, present } = route;
    assert.ok(handlerMs !== null && handlerMs > 0);
    const saved = (requestsPerHour * 0.9 * handlerMs) / 1000;
    assert.ok(Math.abs((present?.handlerSecondsSavedPerHour ?? 0) / saved - 1) < 1e-6);
    assert.ok(Math.abs((present?.queriesSavedPerHour ?? 0) / (requestsPerHour * 0.9 * 3) - 1) < 1e-6);
    assert.deepEqual(
      route.ttls.map(({ ttlSeconds }) => ttlSeconds),
      [4, 15, 30, 60, 120, 240, 960, 3840],
    );
    const [tenant] = cache.advice().tenants;
    assert.equal(tenant?.tenant, "tenant-1");
    assert.ok((tenant?.workingSetBytes ?? 0) >= 5 * 1014);
    assert.deepEqual(codes(route), []);
  });

  test("sees invalidations as entries would, by module and by tag", async () => {
    const { cache, app } = await observing((app, cache) => {
      const tags = (req: express.Request) => [`account-${req.params.id}`];
      app.get("/accounts/:id", cache.observe("accounts", { ttlSeconds: 600, tags }), (_req, res) => {
        res.json({});
      });
      app.post("/accounts", cache.invalidateCache("accounts"), (_req, res) => void res.sendStatus(204));
    });
    const both = async () => {
      for (const id of [1, 2]) await app.request(`/accounts/${id}`);
    };
    await both();
    await both();
    await cache.invalidateTags("tenant-1", "account-1");
    await both();
    await app.request("/accounts", { method: "POST" });
    await both();
    await cache.invalidateTags("tenant-2", "account-2");
    await both();
    const route = await adviceOn(cache, "accounts", 10);
    // Of ten: two at first, one by its tag, two by their module.
    assert.equal(route.present?.hitRatio, 0.5);
    assert.equal(route.cutOffRatio, 0.3);
    assert.ok(route.invalidationsPerHour > 0);
  });

  test("is told what may not be stored, and why", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/accounts", cache.observe("accounts"), (_req, res) => {
        res.set("Cache-Control", "no-store").json({});
      });
    });
    for (let n = 0; n < 12; n++) await app.request("/accounts");
    const route = await adviceOn(cache, "accounts", 12);
    assert.equal(route.unstorable["no-store"], 12);
    assert.equal(route.present?.hitRatio, 0);
    assert.deepEqual(codes(route), ["mostly-unstorable"]);
  });

  test("is as it was where its own functions throw, and where it is asked without a tenant", async () => {
    const { cache, app } = await observing((app, cache) => {
      const scope = () => {
        throw new Error("no user");
      };
      app.get("/thrown", cache.observe("thrown", { scope }), (_req, res) => void res.json({}));
      app.get("/accounts", cache.observe("accounts"), (_req, res) => void res.json({}));
    });
    assert.equal((await app.request("/thrown")).status, 200);
    assert.equal((await app.request("/accounts", { tenant: "" })).status, 200);
    assert.deepEqual(cache.advice().routes, []);
  });

  test("bodies without an ETag or a length are told apart, too", async () => {
    let version = 0;
    const { cache, app } = await observing((app, cache) => {
      app.disable("etag");
      app.get("/parts", cache.observe("parts"), (_req, res) => {
        res.write("part one, ");
        res.end(`version ${Math.floor(version++ / 3)}`);
      });
    });
    for (let n = 0; n < 60; n++) assert.match((await app.request("/parts")).body, /^part one, version \d+$/);
    const route = await adviceOn(cache, "parts", 60);
    assert.equal(route.bodyBytes, 20);
    assert.deepEqual(codes(route), ["unseen-writes"]);
  });

  test("misuse is refused when it is mounted", async () => {
    const { cache } = await observing(() => undefined);
    const off = createTenantCache({ tenant: () => "t", advice: { enabled: false } });
    assert.throws(() => off.observe("accounts"), /ETC_OPTIONS.*advice: \{ enabled: false \}/);
    assert.equal(off.advice().enabled, false);
    assert.throws(() => cache.observe("Not A Module"), /ETC_MODULE_NAME/);
    assert.throws(() => cache.observe("accounts", 0), /ETC_TTL/);
    assert.throws(() => cache.observe("accounts", { ttl: 5 } as object), /ETC_OPTIONS/);
    assert.throws(
      () => createTenantCache({ tenant: () => "t", advice: { enabled: false, observeOnly: true } }),
      /ETC_OPTIONS.*observeOnly/,
    );
  });
});

describe("what is suggested", () => {
  test("answers that differ with the caller: a scope is missing", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/me", cache.observe("me"), (req, res) => void res.json({ user: req.get("authorization") }));
    });
    for (let n = 0; n < 40; n++)
      await app.request("/me", { headers: { authorization: `user ${Math.floor(n / 3) % 5}` } });
    assert.deepEqual(codes(await adviceOn(cache, "me", 40)), ["scope-missing"]);
  });

  test("answers that alternate for one caller: something is not in the key", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/hello", cache.observe("hello"), (req, res) => void res.json(req.get("accept-language")));
    });
    for (let n = 0; n < 40; n++)
      await app.request("/hello", { headers: { "accept-language": n % 3 === 0 ? "de" : "en" } });
    const route = await adviceOn(cache, "hello", 40);
    assert.deepEqual(codes(route), ["vary-missing"]);
    assert.ok((route.suggested?.ttlSeconds ?? 0) <= (route.present?.ttlSeconds ?? 0));
  });

  test("answers that are new each time", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/now", cache.observe("now"), (_req, res) => void res.json(randomUUID()));
    });
    for (let n = 0; n < 20; n++) await app.request("/now");
    assert.deepEqual(codes(await adviceOn(cache, "now", 20)), ["differs-each-time"]);
  });

  test("answers that change with an invalidation are no reason for a warning", async () => {
    const { cache, app } = await observing((app, cache) => {
      let version = 0;
      app.get("/accounts", cache.observe("accounts"), (_req, res) => void res.json(version));
      app.post("/accounts", cache.invalidateCache("accounts"), (_req, res) => {
        version++;
        res.sendStatus(204);
      });
    });
    for (let n = 0; n < 20; n++) {
      for (let read = 0; read < 2; read++) await app.request("/accounts");
      await app.request("/accounts", { method: "POST" });
    }
    assert.deepEqual(codes(await adviceOn(cache, "accounts", 40)), []);
  });

  for (const [name, answer, suggested] of [
    ["equal answers: the tenant's scope would do", () => "plans", "tenant"],
    ["answers of their own: it would not", (user: string) => user, null],
  ] as const) {
    test(`scopes with ${name}`, async () => {
      const { cache, app } = await observing((app, cache) => {
        const scope = (req: express.Request) => req.get("x-user") ?? "none";
        app.get("/plans", cache.observe("plans", { scope }), (req, res) => {
          res.json(answer(req.get("x-user") ?? ""));
        });
      });
      for (let n = 0; n < 30; n++) await app.request("/plans", { headers: { "x-user": `u${n % 10}` } });
      assert.equal((await adviceOn(cache, "plans", 30)).suggestedScope, suggested);
    });
  }

  test("tags, where an invalidation of the module mostly changes other entries", async () => {
    const { cache, app } = await observing((app, cache) => {
      const versions = new Map<string, number>();
      app.get("/accounts/:id", cache.observe("accounts"), (req, res) => {
        res.json([req.params.id, versions.get(String(req.params.id)) ?? 0]);
      });
      app.put("/accounts/:id", cache.invalidateCache("accounts"), (req, res) => {
        versions.set(String(req.params.id), (versions.get(String(req.params.id)) ?? 0) + 1);
        res.sendStatus(204);
      });
    });
    for (let round = 0; round < 4; round++) {
      for (let id = 0; id < 8; id++) await app.request(`/accounts/${id}`);
      await app.request(`/accounts/${round}`, { method: "PUT" });
    }
    const route = await adviceOn(cache, "accounts", 32);
    assert.equal(route.suggestedTags, `tags: (req) => [\`accounts-\${req.params.id}\`]`);
    assert.deepEqual(codes(route), []);
  });
});

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

test("what advice costs is told, and bounded", async () => {
  const { cache, app } = await observing((app, cache) => {
    app.get("/list/:n", cache.cacheList("lists"), (req, res) => void res.json(req.params.n));
  });
  for (let n = 0; n < 200; n++) await app.request(`/list/${n}`);
  const { cost, enabled, seconds, since } = cache.advice();
  assert.ok(enabled && seconds >= 0 && Date.parse(since) <= Date.now());
  assert.equal(cost.sampledKeys, 200);
  assert.ok(cost.bytes > 100_000 && cost.bytes < MIB, `${cost.bytes}`);
  assert.ok(cost.cpuRatio >= 0);
});
