// Metrics: what is counted is what is shown, series stay few, a scrape is quick and asks no store, and only who may see it sees it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Counter, Registry } from "prom-client";
import { projectFile } from "../../../project-root.js";
import { afterTest, closeAfterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { createTenantCache, MemoryStore, type TenantCache } from "../../src/index.js";
import { FIGURES, HISTOGRAMS } from "../../src/metrics/figures.js";
import { engineOf } from "../../src/tenant-cache.js";
import { openCache, quiet, STORES, type StoreName } from "../support/caches.js";
import { Exposition } from "../support/exposition.js";
import { type HttpApp, serve } from "../support/http-app.js";
import { LeavingStore } from "../support/leaving-store.js";

function closing<T extends { close(): unknown }>(opened: T): T {
  closeAfterTest(opened);
  return opened;
}

const FREQUENT = { reportIntervalMs: 1000 } as const;
const scrape = async (cache: TenantCache) => new Exposition(await cache.metrics());

async function appOf(store: StoreName, options: Parameters<typeof openCache>[1] = {}) {
  const cache = closing(await openCache(store, { metrics: FREQUENT, ...options }));
  // Asked for once: from then on durations are measured.
  await cache.metrics();
  const app: HttpApp = closing(
    await serve((express) => {
      express.get("/items", cache.cacheList("items", 180), (_req, res) => void res.json([1]));
      express.post("/items", cache.invalidateCache("items"), (_req, res) => void res.json({}));
      express.get("/metrics", cache.metricsHandler({ authorize: () => true }));
    }),
  );
  return { cache, app };
}

describe.each(STORES)("metrics on %s", (store) => {
  test("requests by module and result, durations, and the same numbers as stats()", async () => {
    const { cache, app } = await appOf(store);
    await app.request("/items");
    await cache.idle();
    for (let n = 0; n < 3; n++) await app.request("/items");
    await app.request("/items", { tenant: "" });
    await app.request("/items", { method: "POST" });
    const shown = await scrape(cache);
    const { totals } = await cache.stats();
    const results = ["hit", "miss", "bypass"].map((result) =>
      shown.value("etc_requests_total", { module: "items", result }),
    );
    assert.deepEqual(results, [3, 1, 1]);
    assert.deepEqual(results, [totals.hits, totals.misses, totals.bypasses]);
    assert.equal(shown.value("etc_bypasses_total", { reason: "no-tenant" }), 1);
    assert.equal(shown.value("etc_stored_total", { module: "items" }), totals.sets);
    assert.equal(shown.value("etc_invalidations_total", { module: "items" }), 1);
    assert.equal(shown.value("etc_hit_duration_seconds_count"), 3);
    assert.equal(shown.value("etc_hit_duration_seconds_bucket", { le: "+Inf" }), 3);
    assert.equal(shown.value("etc_miss_duration_seconds_count"), 1);
    assert.equal(shown.value("etc_store_duration_seconds_count"), 1);
    assert.equal(shown.value("etc_invalidation_duration_seconds_count"), 1);
    assert.ok(shown.value("etc_round_trip_duration_seconds_count") >= 4);
    assert.equal(shown.value("etc_tenant_requests_total", { tenant: "tenant-1", result: "hit" }), 3);
    assert.equal(shown.all("etc_local_hits_total").length, store === "redis" ? 1 : 0);
    if (store === "redis") assert.equal(shown.value("etc_local_hits_total"), 3);
    assert.deepEqual(
      ["closed", "half-open", "open"].map((state) => shown.value("etc_circuit", { state })),
      [1, 0, 0],
    );
  });

  test("what the server says, and how many entries there are, come with the next report", async () => {
    // A walk through the server that all test files share takes as long as they have filled it.
    const server = store === "memory" ? undefined : await startRedisServer();
    if (server) afterTest(() => server.stop());
    // Reports begin with the first scrape, or with a route for it: what is to be found is there before. A walk is followed by a rest.
    const cache = closing(
      await openCache(store, { metrics: FREQUENT, ...(server && { redis: server.url }) }),
    );
    const app = closing(
      await serve((express) => {
        express.get("/items", cache.cacheList("items", 180), (_req, res) => void res.json([1]));
      }),
    );
    await app.request("/items");
    await cache.idle();
    await until("entries are counted", async () => (await scrape(cache)).all("etc_entries").length > 0);
    await until("bytes of tenants", async () => (await scrape(cache)).all("etc_tenant_bytes").length > 0);
    const shown = await scrape(cache);
    assert.equal(shown.value("etc_entries", { module: "items" }), 1);
    assert.ok(shown.value("etc_entry_bytes", { module: "items" }) > 10);
    assert.equal(shown.value("etc_fences"), 2, "the tenant's and the module's");
    assert.ok(shown.value("etc_tenant_bytes", { tenant: "tenant-1" }) > 10);
    assert.ok(shown.value("etc_server_memory_bytes") > 0);
    assert.ok(shown.value("etc_server_report_age_seconds") < 60);
  });
});

describe("series", () => {
  test("10,000 tenants and 200 modules: few series", async () => {
    const cache = closing(createTenantCache({ tenant: () => "none", logger: quiet }));
    const { counters } = engineOf(cache);
    for (let n = 0; n < 10_000; n++) counters.add("hits", `tenant-${n}`, `module-${n % 200}`, 1 + (n % 7));
    const shown = await scrape(cache);
    const tenants = new Set(shown.all("etc_tenant_requests_total").map(({ labels }) => labels.tenant));
    const modules = new Set(shown.all("etc_requests_total").map(({ labels }) => labels.module));
    assert.deepEqual([tenants.size, modules.size], [21, 51]);
    assert.ok(tenants.has("other") && modules.has("other"));
    const all = counters.report().totals.hits;
    assert.equal(shown.sum("etc_tenant_requests_total", { result: "hit" }), all);
    assert.equal(shown.sum("etc_requests_total", { result: "hit" }), all);
    assert.ok(shown.series.length < 1200, `${shown.series.length} series`);
  });

  // In the context of a test, where each global is looked up anew, it takes twice as long: a process of its own.
  test("10,000 tenants and 200 modules: a scrape takes under 5 ms of the processor", async () => {
    const program = projectFile("dist/backend/cache/test/support/scrape-process.js");
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    assert.ok(Number(stdout) > 0 && Number(stdout) < 5, `${stdout} ms`);
  });

  test("the bounds are options", async () => {
    const metrics = { maxTenants: 2, maxModules: 1 };
    const cache = closing(createTenantCache({ tenant: () => "none", logger: quiet, metrics }));
    const { counters } = engineOf(cache);
    for (const name of ["a", "b", "c"]) counters.add("hits", name, name);
    const shown = await scrape(cache);
    assert.equal(shown.all("etc_tenant_requests_total", { result: "hit" }).length, 3);
    assert.deepEqual(
      shown.all("etc_requests_total", { result: "hit" }).map(({ labels, value }) => [labels.module, value]),
      [
        ["a", 1],
        ["other", 2],
      ],
    );
  });

  test("each has its type, its unit in its name, and a prefix that no other library has", () => {
    for (const { name, kind } of FIGURES) {
      assert.match(name, /^etc_[a-z_]+$/);
      assert.equal(name.endsWith("_total"), kind === "counter", name);
      assert.doesNotMatch(name, /_(?:ms|milliseconds|kb|mb|percent)(?:_|$)/);
    }
    for (const { name } of HISTOGRAMS) assert.match(name, /_seconds$/);
    const names = [...FIGURES, ...HISTOGRAMS].map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });
});

describe("a scrape", () => {
  test("asks no store, also not the first one", async () => {
    const asked: string[] = [];
    const store = () => {
      const inner = new MemoryStore({ maxBytes: 1e6, maxTenantBytes: 1e6 });
      return new Proxy(inner, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof member !== "function") return member;
          return (...args: unknown[]) => {
            asked.push(String(name));
            return Reflect.apply(member, target, args);
          };
        },
      });
    };
    const cache = closing(createTenantCache({ tenant: () => "acme", store, logger: quiet }));
    asked.length = 0;
    for (let n = 0; n < 20; n++) await cache.metrics();
    assert.deepEqual(asked, []);
  });

  test("goes on while the store is away, and says so", async () => {
    const made = new LeavingStore({ maxBytes: 1e6, maxTenantBytes: 1e6 });
    const cache = closing(createTenantCache({ tenant: () => "acme", store: () => made, logger: quiet }));
    assert.equal((await scrape(cache)).value("etc_store_connected"), 1);
    made.leave();
    const shown = await scrape(cache);
    assert.equal(shown.value("etc_store_connected"), 0);
    assert.equal(shown.value("etc_circuit", { state: "closed" }), 0);
    assert.equal(shown.all("etc_requests_total").length, 3);
  });

  test("the app's own registry shows the figures beside the app's", async () => {
    const cache = closing(await openCache("memory"));
    const registry = new Registry();
    new Counter({ name: "app_orders_total", help: "Orders", registers: [registry] }).inc(2);
    await cache.metrics({ registry });
    await cache.metrics({ registry });
    const shown = new Exposition(await registry.metrics());
    assert.equal(shown.value("app_orders_total"), 2);
    assert.equal(shown.value("etc_store_connected"), 1);
    assert.equal(shown.types.get("etc_hit_duration_seconds"), "histogram");
    const other = closing(await openCache("memory"));
    await assert.rejects(other.metrics({ registry }), { code: "ETC_OPTIONS" });
    registry.resetMetrics();
    assert.ok(JSON.stringify(await registry.getMetricsAsJSON()).includes("etc_requests_total"));
  });
});

describe("the handler", () => {
  let cache: TenantCache;
  let app: HttpApp;
  beforeAll(async () => {
    cache = await openCache("memory");
    app = await serve((express) => {
      const byToken = async (req: { get(name: string): string | undefined }) =>
        req.get("authorization") === "Bearer right";
      express.use("/metrics", cache.metricsHandler({ authorize: byToken }));
      express.get("/truthy", cache.metricsHandler({ authorize: (() => "yes") as never }));
      const broken = () => {
        throw new Error("no identity");
      };
      express.get("/broken", cache.metricsHandler({ authorize: broken }));
    });
  });
  afterAll(async () => {
    await app.close();
    await cache.close();
  });
  const authorization = "Bearer right";

  test("answers whoever may see it, in the format that is asked for", async () => {
    const text = await app.request("/metrics", { headers: { authorization } });
    assert.equal(text.status, 200);
    assert.match(text.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.equal(text.headers.get("cache-control"), "no-store");
    new Exposition(text.body);
    const accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
    const open = await app.request("/metrics", { headers: { authorization, accept } });
    assert.match(open.headers.get("content-type") ?? "", /^application\/openmetrics-text; version=1\.0\.0/);
    assert.match(open.body, /^# TYPE etc_requests counter$/m);
    assert.match(open.body, /^etc_requests_total\{/m);
    assert.ok(open.body.endsWith("# EOF\n"));
    assert.equal(open.body.match(/_total_total/), null);
  });

  test("answers HEAD without a body, and no other method", async () => {
    const head = await app.request("/metrics", { method: "HEAD", headers: { authorization } });
    assert.deepEqual([head.status, head.body], [200, ""]);
    const post = await app.request("/metrics", { method: "POST", headers: { authorization } });
    assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
  });

  test("refuses everybody else, and whoever cannot be told apart", async () => {
    for (const [path, headers] of [
      ["/metrics", {}],
      ["/metrics", { authorization: "Bearer wrong" }],
      ["/truthy", {}],
      ["/broken", {}],
    ] as const) {
      const answer = await app.request(path, { headers });
      assert.equal(answer.status, 403, path);
      assert.doesNotMatch(answer.body, /etc_/);
    }
  });

  test("is refused without authorize, and where it is not called", () => {
    for (const wrong of [undefined, {}, { authorize: true }, { authorize: () => true, prefix: "x" }])
      assert.throws(() => cache.metricsHandler(wrong as never), { code: "ETC_OPTIONS" });
    assert.throws(() => cache.metricsHandler({ method: "GET", url: "/", headers: {} } as never), {
      code: "ETC_ARGUMENTS",
    });
    assert.throws(() => cache.metricsHandler({ authorize: () => true, registry: {} as never }), {
      code: "ETC_OPTIONS",
    });
  });
});

test("the lane: what it answers, and what it passes on", async () => {
  const cache = closing(await openCache("memory"));
  await cache.metrics();
  const express = (await import("express")).default();
  express.get("/items", cache.cacheList("items"), (_req, res) => void res.json([1]));
  const lane = cache.lane(express, { identify: () => ({ tenant: "tenant-1" }) });
  const app = closing(await serve((outer) => outer.use((req, res) => lane(req, res))));
  for (let n = 0; n < 4; n++) await app.request("/items");
  const shown = await scrape(cache);
  const [hits, passed] = [shown.value("etc_lane_hits_total"), shown.value("etc_lane_passed_total")];
  assert.equal(hits + passed, 4);
  assert.ok(hits >= 2, `${hits} hits`);
  assert.equal(
    shown.value("etc_hit_duration_seconds_count"),
    shown.sum("etc_requests_total", { result: "hit" }),
  );
});
