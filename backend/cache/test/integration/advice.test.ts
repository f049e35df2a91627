// `cache.observe` and `cache.advice()`: what is observed leaves no trace, and what is advised follows from what was asked and answered.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { describe, test } from "@jest/globals";
import type express from "express";
import { exchange } from "../../../servers/exchange.js";
import { createTenantCache } from "../../src/index.js";
import { adviceOn, codes, observing } from "../support/advised-app.js";

const MIB = 1024 * 1024;

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
    for (let n = 0; n < 6; n++) assert.equal((await app.request("/accounts", { tenant: "" })).status, 200);
    const told = cache
      .advice()
      .routes.map(({ path, requests, present, unstorable, warnings }) => [
        path,
        requests,
        present,
        unstorable,
        warnings.map(({ code }) => code),
      ]);
    assert.deepEqual(told, [
      ["/thrown", 0, null, { threw: 1 }, []],
      ["/accounts", 0, null, { "no-tenant": 6 }, ["no-tenant"]],
    ]);
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
