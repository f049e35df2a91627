// The first moments: a cache in this process is there at once, and one that still connects is waited for within the budget.
import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import { type RedisServer, startRedisServer, startTcpProxy } from "../../../servers/index.js";
import { createTenantCache, type Logger, type TenantCacheOptions } from "../../src/index.js";
import { READY_WITHIN_MS } from "../support/caches.js";
import { serve } from "../support/http-app.js";

describe("the first moments of a cache", () => {
  let redis: RedisServer;
  const opened: { close(): Promise<void> }[] = [];
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const logger: Logger = { info: log, warn: log, error: log };

  beforeAll(async () => {
    redis = await startRedisServer();
    // Node loads `fetch` with the first request: that must not count against the five seconds of a start.
    const first = await serve((express) => void express.get("/", (_req, res) => void res.end()));
    await first.request("/");
    await first.close();
  });
  afterAll(() => redis.stop());
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    lines.length = 0;
  });

  function create(options: Partial<TenantCacheOptions> = {}) {
    const cache = createTenantCache({ tenant: (req) => req.get("x-tenant"), logger, ...options });
    opened.push(cache);
    return cache;
  }

  /** A list and a change of it, and how many requests have come so far. */
  async function open(options: Partial<TenantCacheOptions>, onUnreachable: "defer" | "reject" = "defer") {
    const cache = create(options);
    let arrived = 0;
    const app = await serve((express) => {
      express.use((_req, _res, next) => {
        arrived++;
        next();
      });
      express.get("/list", cache.cacheList("accounts"), (_req, res) => void res.json([]));
      const invalidate = cache.invalidateCache({ modules: ["accounts"], onUnreachable });
      express.post("/list", invalidate, (_req, res) => void res.sendStatus(201));
    });
    opened.push(app);
    const untilArrived = async (requests: number) => {
      while (arrived < requests) await new Promise(setImmediate);
    };
    return {
      cache,
      untilArrived,
      read: async () => (await app.request("/list")).cache,
      write: async () => (await app.request("/list", { method: "POST" })).status,
    };
  }

  test("in process: in use from the first moment on, without a word", async () => {
    const cache = create();
    assert.equal(cache.health().circuit, "closed");
    assert.equal(cache.health().reason, null);
    assert.equal(await cache.invalidateAllTenant("acme"), true, "confirmed, and not put off");
    assert.equal(await cache.manager.tenant("acme").increment("visits"), 1);
    assert.deepEqual(lines, []);
  });

  for (const onUnreachable of ["defer", "reject"] as const) {
    test(`Redis: what comes before it has answered waits for it (onUnreachable: "${onUnreachable}")`, async () => {
      const proxy = await startTcpProxy(redis.port);
      proxy.stall();
      const through = { redis: `redis://127.0.0.1:${proxy.port}`, keyPrefix: `${onUnreachable}:` };
      const { cache, read, write, untilArrived } = await open({ ...through, budgetMs: 5000 }, onUnreachable);
      opened.unshift(proxy);
      const requests = [write(), read(), read()] as const;
      await untilArrived(3);
      assert.equal(cache.health().connected, false);
      proxy.heal();
      const [status, ...caches] = await Promise.all(requests);
      assert.equal(status, 201);
      for (const first of caches) assert.match(first, /^fwd=miss/);
      assert.equal(cache.health().replayedInvalidations, 0, "nor was the change put off");
      await read();
      await cache.idle();
      assert.equal(await read(), "hit");
      assert.deepEqual(lines, []);
    });
  }

  test("Redis: calls in the very turn in which the cache is made", async () => {
    const cache = create({ redis: redis.url, budgetMs: 5000 });
    const space = cache.manager.tenant("acme");
    const answers = [space.increment("visits"), space.getOrSet("users:1", async () => "one")];
    assert.equal(cache.health().connected, false);
    assert.deepEqual(await Promise.all(answers), [1, "one"]);
    assert.equal(await cache.invalidateAllTenant("acme"), true);
    assert.deepEqual(lines, []);
  });

  test("a server that refuses the connection is not waited for", async () => {
    const { read } = await open({ redis: "redis://127.0.0.1:1", budgetMs: 10_000 });
    const startedAtMs = performance.now();
    assert.equal(await read(), "fwd=bypass; detail=store-unavailable");
    assert.ok(performance.now() - startedAtMs < 10_000);
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0] ?? "", /store away \(connect ECONNREFUSED/);
  });

  test("a server that says nothing costs the first requests one budget, and nobody after them any", async () => {
    const budgetMs = 300;
    const proxy = await startTcpProxy(redis.port);
    proxy.stall();
    const { read, cache } = await open({ redis: `redis://127.0.0.1:${proxy.port}`, budgetMs });
    opened.unshift(proxy);
    const startedAtMs = performance.now();
    for (const answer of await Promise.all([read(), read(), read()]))
      assert.match(answer, /^fwd=bypass;( collapsed;)? detail=store-unavailable$/);
    assert.ok(performance.now() - startedAtMs >= budgetMs, "they have waited");
    const laterAtMs = performance.now();
    for (let round = 0; round < 100; round++) await read();
    assert.ok(performance.now() - laterAtMs < 100 * budgetMs, "not a budget each");
    proxy.heal();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
  });
});
