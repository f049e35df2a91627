// Loggers, tracers and listeners that throw: what they watch goes on as if they were not there.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterEach, describe, test } from "@jest/globals";
import { sharedRedisUrl } from "../../../servers/index.js";
import { startTcpProxy } from "../../../servers/tcp-proxy.js";
import { until } from "../../../servers/until.js";
import { CacheMonitor, CacheWarmer, type TenantCacheOptions } from "../../src/index.js";
import { openCache, READY_WITHIN_MS, STORES, type StoreName } from "../support/caches.js";
import { serve } from "../support/http-app.js";

const broken = (): never => {
  throw new Error("the observer is broken");
};
const LOGGER = { info: broken, warn: broken, error: broken };

describe("observers that throw", () => {
  const opened: { close(): Promise<void> }[] = [];
  const rejections: unknown[] = [];
  const onRejection = (error: unknown) => void rejections.push(error);
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtExceptionMonitor", onRejection);
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    assert.deepEqual(rejections.splice(0), []);
  });

  async function open(store: StoreName, options: Partial<TenantCacheOptions>) {
    const cache = await openCache(store, options);
    let version = 0;
    const app = await serve((app) => {
      app.get("/list", cache.cacheList("list", 60), (_req, res) => void res.json({ version }));
      app.get("/odd", cache.cacheList("odd", { ttlSeconds: 60, varyBy: broken }), (_req, res) => {
        res.json({ version });
      });
      app.post("/list", cache.invalidateCache("list"), (_req, res) => void res.json({ version: ++version }));
    });
    opened.push(app, cache);
    return { app, cache };
  }

  test("a logger: requests go on, and the store is used again behind an outage", async () => {
    const proxy = await startTcpProxy(Number(new URL(await sharedRedisUrl()).port));
    opened.push(proxy);
    const { app, cache } = await open("redis", { redis: `redis://127.0.0.1:${proxy.port}`, logger: LOGGER });
    const odd = await app.request("/odd");
    assert.deepEqual([odd.status, odd.cache], [200, "fwd=bypass; detail=vary-by"]);
    proxy.cut();
    await until("the cut is seen", () => !cache.health().connected);
    assert.equal((await app.request("/list")).status, 200);
    proxy.heal();
    assert.ok(await cache.ready(READY_WITHIN_MS), cache.health().reason ?? "");
  });

  test("a logger that answers with a promise which rejects", async () => {
    const rejecting = () => Promise.reject(new Error("the sink has gone"));
    const { app } = await open("memory", { logger: { info: rejecting, warn: rejecting, error: rejecting } });
    assert.equal((await app.request("/odd")).status, 200);
  });

  const TRACERS = {
    "begins no span": { startSpan: broken },
    "has spans that throw": { startSpan: () => ({ setAttribute: broken, setStatus: broken, end: broken }) },
  };
  for (const store of STORES)
    for (const [name, tracer] of Object.entries(TRACERS))
      test(`a tracer that ${name}: a mutation is seen by the next request (${store})`, async () => {
        const { app, cache } = await open(store, { telemetry: { tracer } });
        for (let version = 0; version < 3; version++) {
          const { status, body } = await app.request("/list");
          assert.deepEqual([status, JSON.parse(body)], [200, { version }]);
          await cache.idle();
          assert.equal((await app.request("/list")).cache, "hit");
          assert.equal((await app.request("/list", { method: "POST" })).status, 200);
        }
      });

  test("listeners of a monitor: all rules are judged, and nobody else is told less", async () => {
    const lines: string[] = [];
    const hear = (line: string) => void lines.push(line);
    const cache = await openCache("memory", { logger: { info: hear, warn: hear, error: hear } });
    opened.push(cache);
    const rules = ["one", "two"].map((name) => ({ name, check: () => "it is so" }));
    const monitor = new CacheMonitor(cache, { intervalMs: 100, rules });
    monitor.on("alert", broken).on("sample", broken);
    await monitor.sample();
    assert.deepEqual(monitor.alerts.map(({ name }) => name).sort(), ["one", "two"]);
    assert.equal((await monitor.health()).status, "degraded");
    monitor.start();
    await once(monitor.removeListener("sample", broken), "sample");
    monitor.stop();
    assert.equal(lines.filter((line) => /a listener of a CacheMonitor threw/.test(line)).length, 1);
  });

  test("listeners of a warmer: its run is told as it went", async () => {
    const cache = await openCache("memory");
    opened.push(cache);
    const space = cache.manager.tenant(randomUUID());
    const warmer = new CacheWarmer(cache).register("keys", {
      tenants: () => ["acme"],
      *entries() {
        yield () => space.getOrSet("warm:1", () => "value");
      },
    });
    warmer.on("started", broken).on("progress", broken).on("finished", broken);
    const result = await warmer.warm("keys");
    assert.deepEqual([result.done, result.failed], [1, 0]);
  });
});
