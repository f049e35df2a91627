// Keys of another type in the place of the cache's own, as somebody else may write them: one tenant's are nobody else's trouble.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { Logger, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { PROBE_TENANT } from "../../src/store/redis/servers.js";
import { openCache, quiet } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const keys = new KeySpace("", false);

describe("keys of another type", () => {
  let redis: RedisServer;
  let admin: Redis;
  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
  });

  interface World {
    readonly cache: TenantCache;
    readonly app: HttpApp;
    readonly tenant: string;
    readonly notices: string[];
    /** In the place of the index of the tenant's lists. */
    index(): Promise<string>;
  }

  async function open(options: Partial<TenantCacheOptions> = {}): Promise<World> {
    const notices: string[] = [];
    const logger: Logger = { ...quiet, warn: (notice) => void notices.push(notice) };
    const cache = await openCache("redis", {
      redis: redis.url,
      keyPrefix: "",
      local: { maxBytes: 0 },
      logger,
      ...options,
    });
    afterTest(() => cache.close());
    const app = await serve((express) => {
      express.get("/list/:n", cache.cacheList("items", 3600), (req, res) => void res.json(req.params.n));
      express.post("/list", cache.invalidateCache("items"), (_req, res) => void res.sendStatus(201));
    });
    afterTest(() => app.close());
    const tenant = randomUUID();
    const index = async () => {
      const tokens = await admin.mget(keys.fence(tenant), keys.fence(tenant, "items"));
      return keys.index(tenant, "items", tokens.map((token) => token ?? "").join("_"));
    };
    return { cache, app, tenant, notices, index };
  }

  async function assertServed({ app, tenant, cache }: World, n: number): Promise<void> {
    const ask = async () => (await app.request(`/list/${n}`, { tenant })).cache;
    assert.equal(await ask(), "fwd=miss; stored");
    await cache.idle();
    assert.equal(await ask(), "hit");
  }

  const books: [name: string, key: (world: World) => string | Promise<string>][] = [
    ["ledger", ({ tenant }) => keys.ledger(tenant)],
    ["list of generations", ({ tenant }) => keys.generations(tenant)],
    ["index", (world) => world.index()],
  ];
  for (const [name, keyOf] of books)
    for (const type of ["string", "hash"])
      test(`a ${type} in the place of a tenant's ${name}`, async () => {
        const world = await open();
        const { cache, tenant, app, notices } = world;
        await assertServed(world, 1);
        const replace = async () => {
          const key = await keyOf(world);
          await admin.del(key);
          await (type === "string" ? admin.set(key, "mine") : admin.hset(key, "mine", "1"));
          return key;
        };
        // A store of the same generation, one after an invalidation, and removals by the toolkit.
        const key = await replace();
        await assertServed(world, 2);
        // The store that met it had listed its entry by then: the next one begins a ledger.
        await assertServed(world, 20);
        if (name !== "list of generations") assert.equal(await admin.type(key), "zset");
        await replace();
        assert.equal((await app.request("/list", { method: "POST", tenant })).status, 201);
        await assertServed(world, 3);
        const space = cache.manager.tenant(tenant);
        assert.equal(await space.set("items:1", 1), true);
        await replace();
        assert.equal(await space.delete("items:1"), true);
        assert.equal(await space.get("items:1"), undefined);
        await replace();
        assert.equal(await space.set("items:2", 2), true);
        await cache.idle();
        assert.equal(cache.health().circuit, "closed");
        assert.equal(notices.filter((notice) => /values of another type/.test(notice)).length, 1);
        assert.ok(!notices.some((notice) => notice.includes(tenant)), "no tenant in the log");
      });

  test("in the place of the books that a server is tried with", async () => {
    const places = [
      keys.ledger(PROBE_TENANT),
      keys.generations(PROBE_TENANT),
      keys.index(PROBE_TENANT, "probe", ""),
    ];
    for (const key of places) {
      await admin.set(key, "mine");
      await assertServed(await open(), 1);
    }
  });

  test("in the place of the pool", async () => {
    await admin.set(keys.pool(), "mine");
    const world = await open({ reservedBytesPerTenant: 1, maxPooledBytes: 1e6 });
    await assertServed(world, 1);
    await until("the pool is kept", async () => (await admin.type(keys.pool())) === "zset");
    await admin.del(keys.pool());
  });

  test("the quota of a tenant is kept beside them", async () => {
    const world = await open({ maxBytesPerTenant: 20_000 });
    const { cache, tenant, app } = world;
    await admin.set(keys.ledger(tenant), "mine");
    for (let n = 0; n < 100; n++) await app.request(`/list/${n}`, { tenant });
    await cache.idle();
    const entries = (await admin.keys(`tenant:${tenant}:*`)).length;
    assert.ok(entries > 0 && entries < 60, `${entries} entries of about 400 bytes each`);
  });

  test("a counter that is none is told as that, and keeps nobody else from anything", async () => {
    const world = await open();
    const { cache, tenant } = world;
    const space = cache.manager.tenant(tenant);
    const counter = keys.counter(tenant, "visits:1");
    for (const make of [
      () => admin.set(counter, "mine"),
      () => admin.set(counter, "9223372036854775800"),
      () => admin.lpush(counter, "mine"),
    ]) {
      await admin.del(counter);
      await make();
      for (let time = 0; time < 5; time++)
        await assert.rejects(space.increment("visits:1", 100), { code: "ETC_VALUE" });
    }
    await assert.rejects(
      async () => {
        await admin.set(counter, "12.5");
        await space.count("visits:1");
      },
      { code: "ETC_VALUE" },
    );
    await assertServed(world, 1);
    assert.equal(cache.health().circuit, "closed");
    await space.delete("visits:1");
    assert.equal(await space.increment("visits:1"), 1);
  });

  test("a user who may not use the pool is told so, once", async () => {
    await admin.call(
      "ACL",
      "SETUSER",
      "noPool",
      "on",
      ">secret",
      "+@all",
      "~fence:*",
      "~tenant:*",
      "~index:*",
    );
    const families = ["generations:*", "ledger:*", "lease:*", "parked:*", "causes:*", "sweep:*", "reads:*"];
    await admin.call("ACL", "SETUSER", "noPool", "&*", ...families.map((family) => `~${family}`));
    const url = new URL(redis.url);
    Object.assign(url, { username: "noPool", password: "secret" });
    const world = await open({ redis: url.href, reservedBytesPerTenant: 1, maxPooledBytes: 1e6 });
    for (let n = 0; n < 3; n++) await assertServed(world, n);
    assert.equal(world.notices.filter((notice) => /maxPooledBytes is not kept/.test(notice)).length, 1);
  });
});
