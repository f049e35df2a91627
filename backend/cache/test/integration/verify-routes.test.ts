// The conformance kit: sound apps pass, and each broken one is found by the check that is named for it.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { sharedRedisUrl } from "../../../servers/index.js";
import { startTcpProxy, type TcpProxy } from "../../../servers/tcp-proxy.js";
import type { TenantCache } from "../../src/index.js";
import { assertRoutes, type CheckName, type VerifyReport, verifyRoutes } from "../../src/testing/index.js";
import { BROKEN_APPS } from "../support/broken-apps.js";
import { openCache, STORES } from "../support/caches.js";
import { NOTES, notesApp, notesOf, TENANTS, verifyNotes } from "../support/notes-app.js";

const ALL: readonly CheckName[] = [
  "hit",
  "transparency",
  "isolation",
  "no-tenant",
  "variation",
  "authority",
  "claimed-tenant",
  "mutation",
  "race",
  "reads",
  "abort",
  "concurrency",
  "outage",
];

/** Nothing is waited for in vain here: only a busy machine takes long. */
const PATIENT_CLIENTS = { timeoutMs: 60_000 };

const failuresOf = (report: VerifyReport) =>
  report.checks
    .filter(({ outcome }) => outcome === "failed")
    .map(({ name, details }) => `${name}: ${details}`);

const outcomesOf = (report: VerifyReport) => report.checks.map(({ name, outcome }) => `${name} ${outcome}`);

describe("sound apps pass", () => {
  for (const store of STORES) {
    test(`with the ${store} store`, async () => {
      const cache = await openCache(store);
      const report = await verifyRoutes({
        app: notesApp(cache, {}),
        cache,
        tenants: TENANTS,
        routes: [{ ...NOTES, path: "/notes?sort=name" }],
        ...PATIENT_CLIENTS,
      });
      await cache.close();
      assert.deepEqual(failuresOf(report), []);
      assert.ok(report.ok);
      assert.deepEqual(
        outcomesOf(report),
        ALL.map((name) => (name === "outage" ? "outage skipped" : `${name} ok`)),
      );
    });
  }

  test("that declare what they vary by, settle after a change, and put a time in their bodies", async () => {
    const report = await verifyNotes({
      list: { vary: ["Accept-Language"], scope: (req) => req.get("x-role") ?? "none", settleMs: 100 },
      read: (req, res, notes) =>
        res.vary("Accept-Language").json({
          at: process.hrtime.bigint().toString(),
          for: [req.get("accept-language"), req.get("x-role")],
          notes: notesOf(req, notes),
        }),
      route: { normalize: (body) => body.replace(/"at":"\d+"/, "") },
      verify: {
        ...PATIENT_CLIENTS,
        tenants: [{ ...TENANTS[0], views: [{ ...TENANTS[0].headers, "x-role": "admin" }] }, TENANTS[1]],
      },
    });
    assert.deepEqual(failuresOf(report), []);
  });

  test("that leave Cache-Status out", async () => {
    for (const flaw of [
      { cache: { headers: { cacheStatus: false } } },
      { list: { headers: { cacheStatus: false } } },
    ])
      assert.deepEqual(failuresOf(await verifyNotes({ ...flaw, verify: PATIENT_CLIENTS })), []);
    const broken = { list: { headers: { cacheStatus: false } }, invalidates: false };
    const failures = failuresOf(await verifyNotes(broken));
    assert.ok(
      failures.some((failure) => failure.startsWith("mutation: the read after the mutation was a hit")),
    );
  });

  test("with absolute links, behind a proxy that is trusted and without one", async () => {
    for (const trust of [true, false]) {
      const report = await verifyNotes({
        prepare: (app) => app.set("trust proxy", trust),
        read: (req, res, notes) =>
          res
            .links({ self: `${req.protocol}://${req.host}/notes` })
            .json([`${req.protocol}://${req.get("host")}/notes`, ...notesOf(req, notes)]),
      });
      assert.deepEqual(failuresOf(report), []);
      const authority = report.checks.find(({ name }) => name === "authority");
      assert.match(authority?.details ?? "", trust ? /^6 of 6 other/ : /^3 of 6 other/);
    }
  });

  test("that answer to one host, which the tenants' headers name", async () => {
    const report = await verifyNotes({
      cache: { authority: ["api.example.com"] },
      read: (req, res, notes) => res.json([`http://${req.get("host")}/notes`, ...notesOf(req, notes)]),
      verify: {
        tenants: [
          { headers: { ...TENANTS[0].headers, Host: "api.example.com" } },
          { headers: { ...TENANTS[1].headers, Host: "api.example.com" } },
        ],
      },
    });
    assert.deepEqual(failuresOf(report), []);
  });

  test("that have credentials of their own, and refuse another tenant's name", async () => {
    const report = await verifyNotes({
      prepare: (app) =>
        app.use((req, res, next) => {
          if (req.get("authorization") === `Bearer ${req.get("x-tenant")}`) next();
          else res.sendStatus(403);
        }),
      verify: {
        tenants: [
          { headers: { authorization: "Bearer tenant-1", "x-tenant": "tenant-1" } },
          { headers: { authorization: "Bearer tenant-2", "x-tenant": "tenant-2" }, names: ["second"] },
        ],
      },
    });
    assert.deepEqual(failuresOf(report), []);
  });

  describe("without Redis for a while", () => {
    let proxy: TcpProxy;
    let cache: TenantCache;

    beforeAll(async () => {
      const target = new URL(await sharedRedisUrl());
      proxy = await startTcpProxy(Number(target.port));
      target.port = String(proxy.port);
      cache = await openCache("redis", { redis: target.href, budgetMs: 2000 });
    });
    afterAll(async () => {
      await cache.close();
      await proxy.close();
    });

    for (const kind of ["cut", "stall"] as const) {
      test(`where connections are ${kind === "cut" ? "cut" : "stalled"}`, async () => {
        const report = await verifyRoutes({
          app: notesApp(cache, {}),
          cache,
          tenants: TENANTS,
          routes: [NOTES],
          ...PATIENT_CLIENTS,
          outage: { begin: async () => proxy[kind](), end: async () => proxy.heal() },
        });
        assert.deepEqual(
          outcomesOf(report),
          ALL.map((name) => `${name} ok`),
          failuresOf(report).join("\n"),
        );
      });
    }
  });
});

describe("broken apps are found", () => {
  for (const [what, check, details, flaw] of BROKEN_APPS) {
    test(`${check}: ${what}`, async () => {
      const report = await verifyNotes({ ...flaw, verify: { checks: [check], ...flaw.verify } });
      const found = report.checks.find(({ name }) => name === check);
      assert.equal(found?.outcome, "failed", outcomesOf(report).join("\n"));
      assert.match(found?.details ?? "", details);
      assert.equal(report.ok, false);
    });
  }

  test("assertRoutes throws one error that lists them", async () => {
    const cache = await openCache("memory");
    const options = {
      app: notesApp(cache, { invalidates: false }),
      cache,
      tenants: TENANTS,
      routes: [NOTES],
    } as const;
    await assert.rejects(assertRoutes(options), ({ message }: Error) => {
      assert.match(message, /\n {2}\/notes \[mutation\] .*\n {2}\/notes \[race\] /);
      return true;
    });
    await assertRoutes({ ...options, routes: [{ path: "/notes" }] });
    await cache.close();
  });
});

test("options that cannot be used are refused", async () => {
  const cache = await openCache("memory");
  const options = { app: notesApp(cache, {}), cache, tenants: TENANTS };
  await assert.rejects(verifyRoutes({ ...options, routes: [] }), /name at least one route/);
  await assert.rejects(verifyRoutes({ ...options, routes: [{ path: "notes" }] }), /must begin with "\/"/);
  await assert.rejects(
    verifyRoutes({ ...options, routes: [NOTES], checks: ["leaks" as CheckName] }),
    /checks\[0\] is "leaks".*"hit", "transparency"/,
  );
  await assert.rejects(
    verifyRoutes({ ...options, routes: [{ path: "/notes/:id" }] }),
    /params: \{ id: "…" \}/,
  );
  await cache.close();
});
