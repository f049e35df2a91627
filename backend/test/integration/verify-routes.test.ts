// The conformance kit: sound apps pass, and each broken one is found by the check that is named for it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import express, { type Express, type Request, type Response } from "express";
import type { CacheListOptions, TenantCache, TenantCacheOptions } from "../../cache/index.js";
import {
  assertRoutes,
  type CheckName,
  type VerifiedRoute,
  type VerifyOptions,
  type VerifyReport,
  verifyRoutes,
} from "../../cache/testing/index.js";
import { sharedRedisUrl } from "../services/index.js";
import { startTcpProxy, type TcpProxy } from "../services/tcp-proxy.js";
import { openCache, STORES } from "../support/caches.js";
import { type Crm, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";

const TENANTS = [{ headers: { "x-tenant": "tenant-1" } }, { headers: { "x-tenant": "tenant-2" } }] as const;
const ALL: readonly CheckName[] = [
  "hit",
  "transparency",
  "isolation",
  "no-tenant",
  "variation",
  "mutation",
  "race",
  "abort",
  "concurrency",
  "outage",
];

/** What each tenant has, as its handlers see it. */
type Notes = Map<string, string[]>;

/** What is changed of the sound app to break it. */
interface Flaw {
  readonly cache?: Partial<TenantCacheOptions>;
  readonly list?: CacheListOptions;
  readonly prepare?: (app: Express) => void;
  readonly read?: (req: Request, res: Response, notes: Notes, cache: TenantCache) => unknown;
  readonly write?: (req: Request, res: Response, notes: Notes, cache: TenantCache) => unknown;
  readonly invalidates?: boolean;
  readonly verify?: Partial<VerifyOptions>;
  readonly route?: Partial<VerifiedRoute>;
}

const ownerOf = (req: Request) => req.get("x-tenant") ?? "";
const notesOf = (req: Request, notes: Notes) => notes.get(ownerOf(req)) ?? [];
const list = (req: Request, res: Response, notes: Notes) =>
  res.set("X-Kind", "notes").json(notesOf(req, notes));
function add(req: Request, res: Response, notes: Notes) {
  notesOf(req, notes).push(`note ${notesOf(req, notes).length}`);
  res.status(201).json({});
}

function notesApp(cache: TenantCache, flaw: Flaw): Express {
  const notes: Notes = new Map(
    TENANTS.map(({ headers }) => [headers["x-tenant"], [`of ${headers["x-tenant"]}`]]),
  );
  const app = express();
  flaw.prepare?.(app);
  app.get("/notes", cache.cacheList("notes", flaw.list ?? {}), (req, res) => {
    if (ownerOf(req) === "") return res.status(401).json({});
    return (flaw.read ?? list)(req, res, notes, cache);
  });
  const invalidate = flaw.invalidates === false ? [] : [cache.invalidateCache("notes")];
  app.post("/notes", ...invalidate, (req, res) => (flaw.write ?? add)(req, res, notes, cache));
  return app;
}

async function verifyNotes(flaw: Flaw): Promise<VerifyReport> {
  const cache = await openCache("memory", flaw.cache);
  try {
    return await verifyRoutes({
      app: notesApp(cache, flaw),
      cache,
      tenants: TENANTS,
      routes: [{ path: "/notes", mutate: { method: "POST", path: "/notes" }, ...flaw.route }],
      ...flaw.verify,
    });
  } finally {
    await cache.close();
  }
}

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
        routes: [{ path: "/notes?sort=name", mutate: { method: "POST", path: "/notes" } }],
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
        tenants: [{ ...TENANTS[0], views: [{ ...TENANTS[0].headers, "x-role": "admin" }] }, TENANTS[1]],
      },
    });
    assert.deepEqual(failuresOf(report), []);
  });

  describe("without Redis for a while", () => {
    let proxy: TcpProxy;
    let cache: TenantCache;

    before(async () => {
      const target = new URL(await sharedRedisUrl());
      proxy = await startTcpProxy(Number(target.port));
      target.port = String(proxy.port);
      cache = await openCache("redis", { redis: target.href, budgetMs: 200 });
    });
    after(async () => {
      await cache.close();
      await proxy.close();
    });

    for (const kind of ["cut", "stall"] as const) {
      test(`where connections are ${kind === "cut" ? "cut" : "stalled"}`, async () => {
        const report = await verifyRoutes({
          app: notesApp(cache, {}),
          cache,
          tenants: TENANTS,
          routes: [{ path: "/notes", mutate: { method: "POST", path: "/notes" } }],
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

/** For routes that are waited for in vain. */
const IMPATIENT = { timeoutMs: 500 };

let away = false;
let current = "";
const half = new Map<string, string>();

const BROKEN: readonly [what: string, check: CheckName, details: RegExp, flaw: Flaw][] = [
  [
    "cacheList before authentication",
    "hit",
    /mount cacheList after authentication/,
    { cache: { tenant: (req) => (req as { user?: string }).user }, verify: IMPATIENT },
  ],
  [
    "a handler that says private",
    "hit",
    /is the answer storable/,
    { read: (req, res, notes) => list(req, res.set("Cache-Control", "private"), notes), verify: IMPATIENT },
  ],
  [
    "a path that is not cached",
    "hit",
    /no cacheList has seen the request/,
    { route: { path: "/other" }, verify: IMPATIENT },
  ],
  [
    "a cache that resolves one tenant for all",
    "isolation",
    /tenant 2 received the answer of tenant 1/,
    { cache: { tenant: () => "everybody" } },
  ],
  [
    "the same, with tenants whose answers are alike",
    "isolation",
    /takes both tenants for "everybody"/,
    { cache: { tenant: () => "everybody" }, read: (_req, res) => res.json([]) },
  ],
  [
    "a tenant for requests that have none",
    "no-tenant",
    /without a tenant was a hit/,
    { cache: { tenant: (req) => req.get("x-tenant") ?? "tenant-1" } },
  ],
  [
    "a language that is not declared",
    "variation",
    /vary: \["accept-language"\]/,
    { read: (req, res, notes) => res.json([req.get("accept-language") ?? "en", ...notesOf(req, notes)]) },
  ],
  [
    "a role that is not declared",
    "variation",
    /another view of tenant 1 \(x-role\)/,
    {
      read: (req, res, notes) => res.json([req.get("x-role") ?? "viewer", ...notesOf(req, notes)]),
      verify: { tenants: [{ ...TENANTS[0], views: [{ "x-role": "admin" }] }, TENANTS[1]] },
    },
  ],
  [
    "a header that an outer middleware takes from what the handler left",
    "transparency",
    /other headers: x-total-count/,
    {
      prepare: (app) =>
        app.use((_req, res, next) => {
          const writeHead = res.writeHead;
          res.writeHead = ((...args: Parameters<typeof writeHead>) => {
            if (res.locals.total !== undefined) res.setHeader("X-Total-Count", res.locals.total);
            return writeHead.apply(res, args);
          }) as typeof writeHead;
          next();
        }),
      read: (req, res, notes) => {
        res.locals.total = notesOf(req, notes).length;
        return list(req, res, notes);
      },
    },
  ],
  [
    "bodies with the time in them",
    "transparency",
    /give the route normalize/,
    { read: (_req, res) => res.json(process.hrtime.bigint().toString()) },
  ],
  [
    "a mutation that forgets invalidateCache",
    "mutation",
    /was a hit; does its route have/,
    { invalidates: false },
  ],
  [
    "a mutation that changes nothing",
    "mutation",
    /does not change what the route answers/,
    { write: (_req, res) => res.status(201).json({}) },
  ],
  [
    "a mutation that is refused",
    "mutation",
    /answered with 409: taken/,
    { write: (_req, res) => res.status(409).send("taken") },
  ],
  [
    "a mutation that empties every tenant",
    "mutation",
    /took the entry of tenant 2/,
    {
      write: async (req, res, notes, cache) => {
        for (const { headers } of TENANTS) await cache.invalidateTenantCache(headers["x-tenant"], "notes");
        add(req, res, notes);
      },
    },
  ],
  [
    "an invalidation by hand, before the change is committed",
    "race",
    /raced/,
    {
      invalidates: false,
      write: async (req, res, notes, cache) => {
        await cache.invalidateTenantCache(ownerOf(req), "notes");
        await delay(30);
        add(req, res, notes);
      },
    },
  ],
  [
    "a handler that keeps the half of what it was writing when a client hung up",
    "abort",
    /client hung up/,
    {
      read: async (req, res, notes) => {
        const whole = half.get(ownerOf(req)) ?? JSON.stringify(notesOf(req, notes)).padEnd(2000);
        half.delete(ownerOf(req));
        res.write(whole.slice(0, 1000));
        await delay(10);
        if (res.destroyed) half.set(ownerOf(req), whole.slice(0, 1000));
        res.end(whole.slice(1000));
      },
      route: { mutate: undefined as never },
    },
  ],
  [
    "a tenant in a variable that all requests share",
    "concurrency",
    /tenant [12], one of 20 cold requests/,
    {
      read: async (req, res, notes) => {
        current = ownerOf(req);
        await delay(5);
        res.json(notes.get(current));
      },
    },
  ],
  [
    "an API that fails with its cache",
    "outage",
    /tenant 1 during the outage: status 200 instead of 503/,
    {
      read: (req, res, notes) => (away ? res.status(503).json({}) : list(req, res, notes)),
      verify: {
        outage: {
          begin: async () => {
            away = true;
          },
          end: async () => {
            away = false;
          },
        },
      },
    },
  ],
  [
    "a handler that stops half way",
    "hit",
    /GET \/notes: no whole answer within 150 ms/,
    {
      read: (_req, res) => {
        res.write("half");
      },
      verify: { timeoutMs: 150 },
    },
  ],
];

describe("broken apps are found", () => {
  for (const [what, check, details, flaw] of BROKEN) {
    test(`${check}: ${what}`, async () => {
      const report = await verifyNotes(flaw);
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
      routes: [{ path: "/notes", mutate: { method: "POST", path: "/notes" } }],
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
    verifyRoutes({ ...options, routes: [{ path: "/notes/:id" }] }),
    /params: \{ id: "…" \}/,
  );
  await cache.close();
});

describe("the CRM", () => {
  let crm: Crm;
  before(async () => {
    crm = await startCrm("redis");
  });
  after(() => crm.close());

  test("keeps the guarantees", async () => {
    const ids: string[] = [];
    for (const tenant of [TENANT_A, TENANT_B]) {
      const client = await crm.client("member", tenant);
      const account = await client.post("/api/accounts", { name: `Of ${tenant}` });
      ids.push(account.body.data.id);
      await client.post("/api/leads", { last_name: "Doe", company: `Of ${tenant}` });
    }
    const [idA = "", idB = ""] = ids;
    const authorization = async (role: "member" | "viewer", tenant: string) => ({
      authorization: `Bearer ${await crm.token(role, tenant)}`,
    });
    const report = await verifyRoutes({
      app: crm.app,
      cache: crm.cache,
      tenants: [
        {
          headers: await authorization("member", TENANT_A),
          views: [await authorization("viewer", TENANT_A)],
        },
        { headers: await authorization("member", TENANT_B) },
      ],
      routes: [
        {
          path: "/api/accounts?sort=name",
          mutate: (round) => ({ method: "POST", path: "/api/accounts", body: { name: `Account ${round}` } }),
        },
        {
          path: "/api/accounts/:id",
          params: [{ id: idA }, { id: idB }],
          mutate: (round) => ({
            method: "PUT",
            path: "/api/accounts/:id",
            body: { name: `Renamed ${round}` },
          }),
        },
        {
          path: "/api/leads/count?company=x",
          mutate: { method: "POST", path: "/api/leads", body: { last_name: "Roe", company: "x" } },
        },
      ],
    });
    assert.deepEqual(failuresOf(report), []);
    assert.equal(report.checks.filter(({ outcome }) => outcome === "ok").length, 3 * (ALL.length - 1));
  });
});
