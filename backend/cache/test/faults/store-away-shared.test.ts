// While Redis is away the database is protected all the same: requests share runs, no more run at once than may, and nobody gets what is old.
import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import type { Request, Response } from "express";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { smallDatabase } from "../../../servers/small-database.js";
import { until } from "../../../servers/until.js";
import type { CacheListOptions, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, quiet, READY_WITHIN_MS } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";

const AWAY = "fwd=bypass; detail=store-unavailable";
const SHARED = "fwd=bypass; collapsed; detail=store-unavailable";
const PATIENT_MS = 60_000;

type Handler = (req: Request, res: Response) => unknown;
describe("with Redis away", () => {
  let redis: RedisServer;
  let isAway = false;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    await back();
  });
  afterAll(() => redis.stop());

  async function open(
    handler: Handler,
    { list = {}, ...options }: Partial<TenantCacheOptions> & { list?: CacheListOptions } = {},
  ): Promise<{ app: HttpApp; cache: TenantCache }> {
    const cache = await openCache("redis", {
      redis: redis.url,
      logger: quiet,
      budgetMs: 1000,
      fill: { waitMs: PATIENT_MS },
      ...options,
    });
    opened.push(cache);
    const app = await serve((express) => {
      express.get("/list{/*rest}", cache.cacheList("accounts", list), handler);
      express.post("/list", cache.invalidateCache("accounts"), handler);
    });
    opened.push(app);
    return { app, cache };
  }

  const back = async () => {
    if (isAway) await redis.restart();
    isAway = false;
  };
  async function away(cache: TenantCache): Promise<void> {
    isAway = true;
    await redis.kill();
    await until("the process knows that Redis is away", () => !cache.health().connected);
  }

  function held() {
    const waiting: (() => void)[] = [];
    let [runs, version] = [0, 0];
    const handler: Handler = async (req, res) => {
      if (req.method === "POST") {
        res.status(201).json({ version: ++version });
        return;
      }
      runs++;
      const read = version;
      const { passed, open: go } = gate();
      waiting.push(go);
      await passed;
      res.json({ version: read });
    };
    const next = async () => {
      await until("a handler runs", () => waiting.length > 0);
      waiting.shift()?.();
    };
    return { handler, next, runs: () => runs };
  }

  test("requests that come together run the handler twice: once for the first, once for all who came after it", async () => {
    const { handler, next, runs } = held();
    const { app, cache } = await open(handler);
    await away(cache);
    const first = app.request("/list");
    await until("it runs", () => runs() === 1);
    const bypasses = async () => (await cache.stats()).totals.bypasses;
    const before = await bypasses();
    const others = Array.from({ length: 20 }, () => app.request("/list"));
    await until("all of them have come", async () => (await bypasses()) === before + 20);
    assert.equal(runs(), 1);
    await next();
    assert.equal((await first).cache, AWAY);
    await next();
    const answers = await Promise.all(others);
    assert.equal(runs(), 2);
    assert.equal(answers.filter((answer) => answer.cache === SHARED).length, 19);
    assert.ok(answers.every(({ status, body }) => status === 200 && body === '{"version":0}'));
  });

  test("who comes after a change is answered does not get what a handler read before it", async () => {
    const { handler, next, runs } = held();
    const { app, cache } = await open(handler);
    await away(cache);
    const before = app.request("/list");
    await until("it has read", () => runs() === 1);
    assert.equal((await app.request("/list", { method: "POST" })).status, 201);
    const after = app.request("/list");
    await next();
    assert.equal((await before).body, '{"version":0}');
    await next();
    assert.equal((await after).body, '{"version":1}');
  });

  test("nothing is shared between tenants, and nothing that may not be stored", async () => {
    let runs = 0;
    const started = gate();
    const { app, cache } = await open(async (req, res) => {
      runs++;
      await started.passed;
      res.set("Cache-Control", "no-store").json({ tenant: req.get("x-tenant") });
    });
    await away(cache);
    const tenants = ["one", "two", "one", "two", "one"];
    const answers = tenants.map((tenant) => app.request("/list", { tenant }));
    await until("one of each runs", () => runs === 2);
    started.open();
    const bodies = (await Promise.all(answers)).map(({ body }) => body);
    assert.deepEqual(
      bodies,
      tenants.map((tenant) => JSON.stringify({ tenant })),
    );
    assert.equal(runs, tenants.length);
  });

  test("hits within maxStaleness go on; this process's own changes end them, also those of all tenants", async () => {
    let version = 0;
    const { app, cache } = await open(
      (req, res) => {
        if (req.method === "POST") version++;
        res.json({ version });
      },
      { list: { maxStaleness: 60_000 } },
    );
    await app.request("/list");
    await cache.idle();
    for (let hits = 0; hits < 3; hits++) assert.equal((await app.request("/list")).cache, "hit");
    await app.request("/list", { tenant: "tenant-2" });
    await cache.idle();
    for (let hits = 0; hits < 3; hits++)
      assert.equal((await app.request("/list", { tenant: "tenant-2" })).cache, "hit");
    await away(cache);
    assert.equal((await app.request("/list")).cache, "hit");
    await app.request("/list", { method: "POST" });
    const after = await app.request("/list");
    assert.deepEqual([after.body, after.cache], ['{"version":1}', AWAY]);
    assert.equal((await app.request("/list", { tenant: "tenant-2" })).cache, "hit");
    assert.equal(await cache.clear(), false);
    assert.equal((await app.request("/list", { tenant: "tenant-2" })).cache, AWAY);
  });

  test("a database that can do 50 queries at once is never asked for more, and all are answered, until hits are back by themselves", async () => {
    const database = smallDatabase(50, 20);
    const { app, cache } = await open(
      async (_req, res) => {
        await database.query();
        res.json({});
      },
      { fill: { maxConcurrent: 50, waitMs: PATIENT_MS } },
    );
    const statuses: number[] = [];
    const seen = new Set<string>();
    let isOver = false;
    const ask = async (user: number) => {
      for (let n = 0; !isOver; n++) {
        const { status, cache: what } = await app.request(`/list/${(user * 7 + n) % 100}`);
        statuses.push(status);
        seen.add(what);
      }
    };
    const users = Array.from({ length: 80 }, (_, user) => ask(user));
    const more = (answers: number) => {
      const enough = statuses.length + answers;
      return until(`${answers} more answers`, () => statuses.length >= enough);
    };
    await until("hits", () => seen.has("hit"));
    await away(cache);
    const queries = database.queries;
    seen.clear();
    await more(400);
    assert.ok(database.queries > queries, "the database is asked");
    assert.ok(seen.has(AWAY));
    seen.clear();
    await back();
    await until("hits again", () => seen.has("hit"));
    await more(200);
    isOver = true;
    await Promise.all(users);
    assert.equal(database.refused, 0);
    assert.ok(database.peak <= 50);
    assert.deepEqual([...new Set(statuses)], [200]);
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
  });

  describe("without a place in time", () => {
    test("503 with Retry-After where the route says so; the place is free when the handler ends", async () => {
      const { handler, next, runs } = held();
      const { app, cache } = await open(handler, {
        list: { fill: { maxConcurrent: 1, waitMs: 50, retryAfterSeconds: 7 } },
      });
      await away(cache);
      const first = app.request("/list/1");
      await until("it runs", () => runs() === 1);
      const refused = await app.request("/list/2");
      assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "7"]);
      assert.equal(refused.cache, "fwd=bypass; detail=busy");
      assert.equal(refused.headers.get("content-type"), "application/problem+json");
      await next();
      assert.equal((await first).status, 200);
      const second = app.request("/list/2");
      await next();
      assert.equal((await second).status, 200);
    });

    test("else the handler runs all the same: the cache fails no request by itself", async () => {
      const { handler, next, runs } = held();
      const { app, cache } = await open(handler, { fill: { maxConcurrent: 1, waitMs: 50 } });
      await away(cache);
      const answers = [app.request("/list/1"), app.request("/list/2")];
      await until("both run", () => runs() === 2);
      await next();
      await next();
      const seen = (await Promise.all(answers)).map(({ status, cache }) => `${status} ${cache}`).sort();
      assert.deepEqual(seen, ["200 fwd=bypass; detail=busy", `200 ${AWAY}`]);
    });

    test("a stale entry that its fences confirm answers first, with the store there", async () => {
      const { handler, next, runs } = held();
      const { app, cache } = await open(handler, {
        list: {
          ttlSeconds: 1,
          staleIfError: 600,
          fill: { maxConcurrent: 1, waitMs: 50, retryAfterSeconds: 1 },
        },
      });
      const filled = app.request("/list/1");
      await next();
      await filled;
      await cache.idle();
      const other = app.request("/list/2");
      await until("it runs", () => runs() === 2);
      await until("the entry is stale", async () => {
        const answer = await app.request("/list/1");
        return answer.cache === "fwd=stale; detail=stale-if-error" && answer.status === 200;
      });
      assert.equal((await app.request("/list/3")).status, 503);
      await next();
      assert.equal((await other).status, 200);
    });

    test("a client that goes keeps its place until its handler ends", async () => {
      const { handler, next, runs } = held();
      const { app, cache } = await open(handler, { list: { fill: { maxConcurrent: 1 } } });
      await away(cache);
      const left = new AbortController();
      const gone = app.request("/list/1", { signal: left.signal });
      await until("it runs", () => runs() === 1);
      left.abort();
      await assert.rejects(gone);
      const waiting = app.request("/list/2");
      await until("it has come", async () => (await cache.stats()).totals.bypasses === 2);
      assert.equal(runs(), 1);
      await next();
      await next();
      assert.equal((await waiting).status, 200);
    });
  });

  test("calls for one value share loads", async () => {
    const { cache } = await open((_req, res) => res.json({}));
    const space = cache.manager.tenant("acme");
    await away(cache);
    const { passed, open: go } = gate();
    let loads = 0;
    const load = async () => {
      loads++;
      await passed;
      return { loads };
    };
    const values = Array.from({ length: 10 }, () => space.getOrSet("users:1", load));
    await until("it is loaded", () => loads === 1);
    go();
    const got = await Promise.all(values);
    assert.equal(loads, 2);
    assert.notEqual(got[1], got[2], "each has a value of its own");
  });
});
