// What clears more, or less, than a module of a tenant: everything, a module of all tenants, one URL. Also for other processes, on a Cluster, and for fills under way.
import assert from "node:assert/strict";
import { describe, jest, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { startTcpProxy } from "../../../servers/tcp-proxy.js";
import { until } from "../../../servers/until.js";
import type { CacheListOptions, TenantCacheOptions } from "../../src/index.js";
import { engineOf } from "../../src/tenant-cache.js";
import { isError } from "../../src/thrown.js";
import { openCache, STORES, type StoreName } from "../support/caches.js";
import { gate, serve } from "../support/http-app.js";

const TENANTS = ["tenant-1", "tenant-2", "tenant-3"];
const SCOPED: CacheListOptions = { scope: (req) => req.get("x-user") ?? "", ignoreParams: ["utm_*"] };

async function open(store: StoreName, options: Partial<TenantCacheOptions> = {}) {
  const cache = await openCache(store, options);
  const world = { runs: 0, hold: undefined as Promise<void> | undefined };
  const app = await serve((express) => {
    express.put("/plans/:id", async (req, res) => {
      await cache.forget(req);
      res.sendStatus(204);
    });
    express.use("/plans", cache.cacheList("plans"));
    express.use("/mine", cache.cacheList("mine", SCOPED));
    express.use("/orders", cache.cacheList("orders", { dependsOn: ["plans"], tags: () => ["plans"] }));
    express.use(async (req, res) => {
      world.runs++;
      const run = world.runs;
      await world.hold;
      res.json([run, req.url]);
    });
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const read = async (path: string, tenant = "tenant-1", user = "ada") =>
    (await app.request(path, { tenant, headers: { "x-user": user } })).cache;
  return {
    ...app,
    cache,
    world,
    read,
    /** Which are hits now, as `tenant path`; the others are filled by it. */
    async hits(tenants: readonly string[], ...paths: string[]): Promise<string[]> {
      const hits: string[] = [];
      for (const tenant of tenants)
        for (const path of paths) if ((await read(path, tenant)) === "hit") hits.push(`${tenant} ${path}`);
      await cache.idle();
      return hits;
    },
  };
}

/** All that any store has to do. */
async function clearsWhatItSays(app: Awaited<ReturnType<typeof open>>): Promise<void> {
  const all = TENANTS.flatMap((tenant) => [`${tenant} /plans`, `${tenant} /orders`, `${tenant} /mine`]);
  const hits = () => app.hits(TENANTS, "/plans", "/orders", "/mine");
  await hits();
  assert.deepEqual(await hits(), all);
  assert.equal(await app.cache.invalidateModule("plans"), true);
  assert.deepEqual(
    await hits(),
    all.filter((each) => each.endsWith("/mine")),
    "what depends on it goes, too",
  );
  assert.deepEqual(await hits(), all);
  assert.equal(await app.cache.clear(), true);
  assert.deepEqual(await hits(), []);
  assert.deepEqual(await hits(), all);
}

/** One URL, of a store that is empty. */
async function forgetsWhatItSays(app: Awaited<ReturnType<typeof open>>): Promise<void> {
  const urls = ["/plans/1", "/plans/1?a=1", "/plans/1?a=1&b=2", "/plans/2", "/orders"];
  const both = ["tenant-1", "tenant-2"];
  const all = both.flatMap((tenant) => urls.map((url) => `${tenant} ${url}`));
  const hits = () => app.hits(both, ...urls);
  await hits();
  await app.cache.forget({ tenant: "tenant-1", url: "/plans/1?b=2&a=1" });
  assert.deepEqual(
    await hits(),
    all.filter((each) => each !== "tenant-1 /plans/1?a=1&b=2"),
  );
  await app.cache.forget({ tenant: "tenant-1", url: "https://api.example.com/plans/1" });
  assert.deepEqual(
    await hits(),
    all.filter((each) => !each.startsWith("tenant-1 /plans/1")),
  );
  assert.deepEqual(await hits(), all);
  // In a request: of its own tenant and path.
  await app.request("/plans/2", { method: "PUT", tenant: "tenant-2" });
  assert.deepEqual(
    await hits(),
    all.filter((each) => each !== "tenant-2 /plans/2"),
  );
  for (let round = 0; round < 2; round++) assert.deepEqual(await hits(), all, "and they are kept again");
}

/** What is being filled, by each of the calls. All that ask meanwhile get what they have begun with. */
async function forgetsWhatIsFilled(app: Awaited<ReturnType<typeof open>>): Promise<void> {
  const { cache, world } = app;
  const calls: Readonly<Record<string, () => Promise<boolean>>> = {
    clear: () => cache.clear(),
    invalidateModule: () => cache.invalidateModule("plans"),
    invalidateAllTenant: () => cache.invalidateAllTenant("tenant-1"),
    forget: () => cache.forget({ tenant: "tenant-1", url: "/plans/7" }),
    "forget, spelled otherwise": () => cache.forget({ tenant: "tenant-1", url: "/Plans/%37/" }),
  };
  for (const [name, clear] of Object.entries(calls)) {
    await cache.clear();
    const { passed, open: release } = gate();
    world.hold = passed;
    const before = world.runs;
    const early = [app.read("/plans/7"), app.read("/plans/7")];
    await until("the handler runs", () => world.runs === before + 1);
    assert.equal(await clear(), true, name);
    // Whoever comes after the call does not get what was begun before it.
    const late = app.read("/plans/7");
    await until("another one runs", () => world.runs === before + 2);
    release();
    await Promise.all([...early, late]);
    await cache.idle();
    world.hold = undefined;
    const { body } = await app.request("/plans/7", { tenant: "tenant-1", headers: { "x-user": "ada" } });
    assert.notEqual(JSON.parse(body)[0], before + 1, `${name}: what was begun before it is not kept`);
  }
}

for (const store of STORES) {
  describe(`clearing (${store})`, () => {
    test("a module of all tenants, and everything", async () => {
      await clearsWhatItSays(await open(store));
    });

    test("a module of all tenants takes nothing of others, also what a forgotten URL has spared", async () => {
      const app = await open(store);
      const urls = ["/plans/1", "/plans/2"];
      await app.hits(["tenant-1"], ...urls, "/mine");
      await app.cache.forget({ tenant: "tenant-1", url: "/plans/1" });
      await app.cache.invalidateModule("mine");
      // Its sweep is behind it.
      await app.cache.idle();
      assert.deepEqual(await app.hits(["tenant-1"], ...urls, "/mine"), ["tenant-1 /plans/2"]);
    });

    test("also what is being filled at that moment", async () => {
      await forgetsWhatIsFilled(await open(store));
    });

    test("one URL: of all queries, of one, for all users, and of no other tenant", async () => {
      await forgetsWhatItSays(await open(store));
    });

    test("one URL: of every scope, also by a parameter that its route leaves out", async () => {
      const app = await open(store);
      const users = async () => [
        await app.read("/mine", "tenant-1", "ada"),
        await app.read("/mine", "tenant-1", "bob"),
      ];
      await users();
      await app.cache.idle();
      assert.deepEqual(await users(), ["hit", "hit"]);
      await app.read("/mine?q=1");
      await app.cache.idle();
      await app.cache.forget({ tenant: "tenant-1", url: "/mine?q=1&utm_source=x" });
      assert.equal(await app.read("/mine?q=1"), "fwd=miss; stored");
      assert.deepEqual(await users(), ["hit", "hit"]);
      await app.cache.forget({ tenant: "tenant-1", url: "/mine" });
      assert.deepEqual(await users(), ["fwd=miss; stored", "fwd=miss; stored"]);
    });

    test("many URLs: the tenant's fence does not grow without end, and nothing forgotten is served", async () => {
      const app = await open(store);
      for (let index = 0; index < 60; index++) {
        await app.read(`/plans/${index}`);
        await app.cache.idle();
        await app.cache.forget({ tenant: "tenant-1", url: `/plans/${index}` });
        assert.equal(await app.read(`/plans/${index}`), "fwd=miss; stored");
        await app.cache.idle();
      }
    });
  });
}

describe("clearing", () => {
  test("by one process is seen by another, copies in its memory among them", async () => {
    const keyPrefix = `test:clear:${process.pid}:${Date.now()}:`;
    const [one, other] = [await open("redis", { keyPrefix }), await open("redis", { keyPrefix })];
    const hits = () => other.hits(["tenant-1"], "/plans/1", "/plans/2", "/orders");
    await hits();
    assert.equal((await hits()).length, 3);
    await one.cache.forget({ tenant: "tenant-1", url: "/plans/1" });
    assert.deepEqual(await hits(), ["tenant-1 /plans/2", "tenant-1 /orders"]);
    assert.equal((await hits()).length, 3);
    await one.cache.invalidateModule("orders");
    assert.deepEqual(await hits(), ["tenant-1 /plans/1", "tenant-1 /plans/2"]);
    await one.cache.clear();
    assert.deepEqual(await hits(), []);
  });

  test("on a Cluster, where tenants are in different slots", async () => {
    const cluster = await startRedisCluster();
    afterTest(() => cluster.stop());
    const options = { redis: { cluster: cluster.nodes }, keyPrefix: "clear:" };
    const [one, other] = [await open("redis", options), await open("redis", options)];
    await clearsWhatItSays(one);
    await forgetsWhatItSays(one);
    await forgetsWhatIsFilled(one);
    // Of another process, also for what that has in its memory.
    const urls = ["/plans/1", "/plans/2"];
    await other.hits(TENANTS, ...urls);
    assert.equal((await other.hits(TENANTS, ...urls)).length, 2 * TENANTS.length);
    await one.cache.forget({ tenant: "tenant-2", url: "/plans/1" });
    const left = TENANTS.flatMap((tenant) => urls.map((url) => `${tenant} ${url}`));
    assert.deepEqual(
      await other.hits(TENANTS, ...urls),
      left.filter((each) => each !== "tenant-2 /plans/1"),
    );
  });

  test("where the server forbids to list keys, the caller is told, and the cache is used as before", async () => {
    const app = await open("redis", { keyPrefix: `test:clear:${process.pid}:forbidden:` });
    const { store } = engineOf(app.cache);
    jest.spyOn(store, "listFences").mockImplementation(() => {
      throw new Error("NOPERM this user has no permissions to run the 'scan' command");
    });
    await assert.rejects(app.cache.clear(), (error) => isError(error) && /NOPERM/.test(error.message));
    assert.equal(await app.read("/plans/1"), "fwd=miss; stored");
    await app.cache.idle();
    assert.equal(await app.read("/plans/1"), "hit");
  });

  test("while the store is away, everything is forgotten before it is used again", async () => {
    const server = await startRedisServer();
    afterTest(() => server.stop());
    const proxy = await startTcpProxy(server.port);
    afterTest(() => proxy.close());
    const app = await open("redis", { redis: `redis://127.0.0.1:${proxy.port}` });
    await app.hits(["tenant-1"], "/plans/1", "/orders");
    assert.equal((await app.hits(["tenant-1"], "/plans/1", "/orders")).length, 2);
    proxy.cut();
    await until("the cache knows", () => !app.cache.health().connected);
    assert.equal(await app.cache.invalidateModule("plans"), false);
    proxy.heal();
    await until("the store is back", () => app.cache.health().connected);
    assert.deepEqual(await app.hits(["tenant-1"], "/plans/1", "/orders"), []);
  });

  test("what is no URL, and nobody's, is refused", async () => {
    const { cache } = await open("memory");
    const refused: readonly (readonly [call: () => Promise<unknown>, said: RegExp])[] = [
      [() => cache.forget({ tenant: "*", url: "/" }), /ETC_TENANT_ID: forget: /],
      [() => cache.forget({ tenant: "acme", url: "plans" }), /ETC_ARGUMENTS: forget: the url is "plans"/],
      [
        () => cache.forget("/plans" as never),
        /ETC_ARGUMENTS: forget was given "\/plans", a string: write forget/,
      ],
      [() => cache.invalidateModule(), /ETC_MODULE_NAME: invalidateModule: the module is undefined/],
      [() => cache.invalidateModule("*"), /ETC_MODULE_NAME/],
    ];
    for (const [call, said] of refused)
      await assert.rejects(call, (error) => isError(error) && said.test(error.message), String(said));
  });
});
