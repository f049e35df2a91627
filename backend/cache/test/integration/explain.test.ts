// `cache.explain`: what it says is what the next request is told, and nothing is touched by asking.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import express, { type Express } from "express";
import { afterTest } from "../../../servers/in-test.js";
import {
  type CacheListOptions,
  createTenantCache,
  type ExplainRequest,
  type TenantCacheOptions,
} from "../../src/index.js";
import { isError } from "../../src/thrown.js";
import { openCache, quiet, STORES, type StoreName } from "../support/caches.js";
import { gate, serve } from "../support/http-app.js";

/** Routes of all kinds; `/<route>/<id>`. */
const ROUTES: Record<string, CacheListOptions> = {
  plain: {},
  depends: { dependsOn: ["plain"] },
  scoped: { scope: (req) => req.get("x-user") ?? "" },
  tagged: { tags: (req) => [`tag-${req.params.id}`] },
  "tagged-by-answer": { tags: (req, _answer) => [`tag-${req.params.id}`] },
  params: { params: ["page"] },
  varied: { vary: ["accept-language"] },
  disabled: { enabled: false },
  obeying: { obeyRequest: true },
  settling: { settleMs: 60_000 },
  unstorable: {},
  short: { ttlSeconds: 1 },
  refreshed: { ttlSeconds: 1, staleWhileRevalidate: 60 },
  lasting: { ttlSeconds: 1, staleIfError: 60 },
  known: { maxStaleness: 60_000 },
};

async function open(store: StoreName, options: Partial<TenantCacheOptions> = {}) {
  const cache = await openCache(store, options);
  const world = {
    runs: 0,
    app: undefined as Express | undefined,
    hold: undefined as Promise<void> | undefined,
  };
  const app = await serve((express) => {
    world.app = express;
    for (const [name, route] of Object.entries(ROUTES)) {
      const module = name === "tagged-by-answer" ? "answered" : name;
      express.get(`/${name}/:id`, cache.cacheList(module, route), async (_req, res) => {
        world.runs++;
        const run = world.runs;
        await world.hold;
        if (name === "unstorable") res.setHeader("Cache-Control", "no-store");
        res.json({ run });
      });
      express.post(`/${name}`, cache.invalidateCache(module), (_req, res) => void res.sendStatus(204));
    }
    const guard = { modules: ["plain"], guard: true };
    express.put("/plain", cache.invalidateCache(guard), async (_req, res) => {
      await world.hold;
      res.sendStatus(204);
    });
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  // As fetch sends them.
  const usual = { host: app.url.slice(7), "accept-language": "*" };
  const explain = (request: ExplainRequest) =>
    cache.explain({
      app: world.app as Express,
      ...request,
      headers: { ...usual, ...request.headers },
    });
  return { ...app, cache, world, explain };
}

/** Without what a second may change. */
function withoutTtl(status: string | null): string {
  return (status ?? "").replace(/; ttl=-?\d+$/, "");
}

describe.each(STORES)("explain, %s", (store) => {
  test("an entry that is too old, and a client that wants no handler to run", async () => {
    const { cache, request, explain } = await open(store);
    const onlyIfCached = { "cache-control": "only-if-cached" };
    for (const path of ["/refreshed/1", "/lasting/1", "/short/1", "/obeying/1"]) await request(path);
    await cache.idle();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const verdicts: string[] = [];
    for (const [url, headers] of [
      ["/refreshed/1", {}],
      ["/lasting/1", {}],
      ["/short/1", {}],
      ["/obeying/1", onlyIfCached],
      ["/obeying/2", onlyIfCached],
    ] as const) {
      const { verdict, miss, cacheStatus } = await explain({ url, headers, tenant: "tenant-1" });
      verdicts.push(`${verdict} ${miss?.reason}`);
      const { cache: answered } = await request(url, { headers });
      assert.equal(withoutTtl(cacheStatus), withoutTtl(answered), url);
    }
    assert.deepEqual(verdicts, [
      "stale undefined",
      "miss expired",
      "miss expired",
      "hit undefined",
      "only-if-cached undefined",
    ]);
  });

  test("names the route, the key, the entry and its fences, with who has set them", async () => {
    const { cache, request, explain } = await open(store, { actor: () => "ada" });
    await request("/tagged/17");
    await request("/tagged", { method: "POST", headers: { "x-request-id": "req-9" } });
    await request("/tagged/17");
    await cache.idle();
    await request("/tagged/17", { headers: { "accept-encoding": "gzip" } });
    const said = await explain({ url: "/tagged/17", headers: { "x-tenant": "tenant-1" } });
    assert.equal(said.verdict, "hit");
    assert.match(said.cacheStatus ?? "", /^hit; ttl=1\d\d$/);
    assert.equal(said.tenant, "tenant-1");
    assert.equal(said.scope, null);
    assert.deepEqual(said.tags, ["tag-17"]);
    assert.equal(said.path, "GET /tagged/:id");
    assert.deepEqual(said.route, {
      module: "tagged",
      policy: null,
      ttlSeconds: 180,
      staleWhileRevalidateSeconds: 0,
      staleIfErrorSeconds: 0,
      dependsOn: [],
      reads: null,
      vary: [],
      scope: "tenant",
    });
    assert.match(said.key ?? "", /tenant:tenant-1:tagged:list:[0-9a-f]{32}$/);
    assert.equal(said.entry?.status, 200);
    assert.equal(said.entry.tier, store === "redis" ? "local" : "store");
    assert.ok(said.entry.bodyBytes > 0 && (said.entry.storedBytes ?? 0) > said.entry.bodyBytes);
    assert.deepEqual(
      said.fences.map(({ fence, state, isMade, cutsOff }) => [fence, state, isMade, cutsOff]),
      [
        ["tenant", "set", true, false],
        ["module tagged", "set", false, false],
        ["tag tag-17", "set", true, false],
      ],
    );
    const cause = said.fences[1]?.cause;
    assert.equal(cause?.name, "POST /tagged");
    assert.equal(cause.requestId, "req-9");
    assert.match(cause.actor ?? "", /^[\w-]{16}$/);
    assert.equal(said.store.circuit, "closed");
  });

  test("leaves no trace", async () => {
    const { cache, request, explain, world } = await open(store);
    const heard: string[] = [];
    for (const name of ["hit", "miss", "bypass", "stored"] as const)
      cache.events.on(name, () => heard.push(name));
    const before = await cache.stats({ tenantId: "tenant-1" });
    for (const id of ["1", "2"]) await explain({ url: `/plain/${id}`, tenant: "tenant-1" });
    await cache.idle();
    const { totals } = await cache.stats({ tenantId: "tenant-1" });
    assert.deepEqual(totals, before.totals);
    assert.deepEqual(heard, []);
    assert.equal(world.runs, 0);
    const [fence] = (await explain({ url: "/plain/1", tenant: "tenant-1" })).fences;
    assert.equal(fence?.state, "missing", "no fence was made");
    assert.equal((await request("/plain/1")).cache, "fwd=miss; stored");
  });

  test("a tenant stands in where the app finds none, and is compared where it finds one", async () => {
    const { cache, request, explain } = await open(store);
    await request("/plain/1", { tenant: "tenant-2" });
    await cache.idle();
    assert.equal((await explain({ url: "/plain/1", tenant: "tenant-2" })).verdict, "hit");
    assert.equal((await explain({ url: "/plain/1", tenant: "tenant-1" })).verdict, "miss");
    assert.equal((await explain({ url: "/plain/1" })).detail, "no-tenant");
    const others = explain({ url: "/plain/1", tenant: "tenant-1", headers: { "x-tenant": "tenant-2" } });
    await assert.rejects(others, (error) => {
      assert.ok(isError(error));
      assert.match(error.message, /^ETC_EXPLAIN_TENANT/);
      assert.doesNotMatch(error.message, /tenant-2|tenant-1/);
      return true;
    });
  });

  test("a handler that runs, a guarded write, and a fence that is replaced", async () => {
    const { cache, request, explain, world } = await open(store);
    const tenant = "tenant-1";
    const one = { url: "/plain/1", tenant };
    const { passed, open: go } = gate();
    world.hold = passed;
    const running = request("/plain/1");
    while (world.runs === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await explain(one)).verdict, "collapsed");
    go();
    world.hold = undefined;
    await running;
    await cache.idle();
    assert.equal((await explain(one)).verdict, "hit");
    const writing = gate();
    world.hold = writing.passed;
    const write = request("/plain", { method: "PUT" });
    while ((await explain(one)).verdict === "hit") await new Promise((resolve) => setTimeout(resolve, 5));
    const pending = await explain(one);
    assert.equal(pending.cacheStatus, "fwd=bypass; detail=write-pending");
    assert.equal(pending.fences[1]?.state, "pending");
    writing.open();
    world.hold = undefined;
    await write;
    const missed = await explain(one);
    assert.equal(missed.verdict, "miss");
    assert.equal(missed.miss?.reason, "fenced");
    assert.deepEqual(
      missed.miss?.fencedBy?.map(({ fence, cause }) => [fence, cause?.kind, cause?.name]),
      [["module plain", "route", "PUT /plain"]],
    );
  });
});

test("the policy of a route is named", async () => {
  const cache = createTenantCache({
    tenant: () => "a",
    logger: quiet,
    policies: { base: { dependsOn: ["settings"] }, reference: { ttlSeconds: 3600 } },
  });
  const app = express();
  app.get("/plans", cache.cacheList("plans", "reference"), (_req, res) => void res.json({}));
  const { route } = await cache.explain({ app, url: "/plans" });
  assert.equal(route?.policy, "reference");
  assert.equal(route.ttlSeconds, 3600);
  assert.deepEqual(route.dependsOn, ["settings"]);
  await cache.close();
});

test("what is no request, and no app, is refused", async () => {
  const cache = createTenantCache({ tenant: () => "a", logger: quiet });
  const app = express();
  for (const [given, said] of [
    [{ app, url: "accounts" }, /^ETC_OPTIONS: .*path/],
    [{ app, url: "/a b" }, /^ETC_OPTIONS/],
    [{ app, url: "/a", method: "get" }, /^ETC_OPTIONS: .*capitals/],
    [{ app, url: "/a", tenant: "*" }, /^ETC_TENANT_ID/],
    [{ app, url: "/a", header: {} }, /^ETC_OPTIONS: .*headers/],
    [{ url: "/a" }, /^ETC_EXPLAIN_APP: .*explain\(\{ app/],
    [{ app: {}, url: "/a" }, /^ETC_EXPLAIN_APP/],
  ] as const)
    await assert.rejects(cache.explain(given as never), (error) => {
      assert.ok(isError(error));
      assert.match(error.message, said);
      return true;
    });
  await cache.close();
});
