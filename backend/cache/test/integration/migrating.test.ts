// docs/use/migrating.md against Redis: a hand-written cache with keys of the same form, beside this one, there and back.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import type { Express, RequestHandler } from "express";
import { Redis } from "ioredis";
import { sharedRedisUrl } from "../../../servers/index.js";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const MODULE = "accounts";

describe("beside a hand-written Redis middleware with keys of the same form", () => {
  let redis: Redis;
  let cache: TenantCache;
  let apps: Record<"old" | "both" | "migrated", HttpApp>;
  let tenant: string;
  let version = 0;

  beforeAll(async () => {
    redis = new Redis(await sharedRedisUrl());
    cache = await openCache("redis", { keyPrefix: "" });
    const current: RequestHandler = (_req, res) => void res.json({ version });
    const change: RequestHandler = (_req, res) => void res.json({ version: ++version });
    const { cacheList, invalidateCache } = cache;
    const app = (list: RequestHandler, ...invalidations: RequestHandler[]) =>
      serve((express: Express) => {
        express.get("/list", list, current);
        express.post("/list", ...invalidations, change);
      });
    apps = {
      old: await app(oldList(redis), oldPurge(redis)),
      both: await app(oldList(redis), oldPurge(redis), invalidateCache(MODULE)),
      migrated: await app(cacheList(MODULE, 60), oldPurge(redis), invalidateCache(MODULE)),
    };
  });
  beforeEach(() => {
    tenant = randomUUID();
  });
  afterAll(async () => {
    for (const app of Object.values(apps)) await app.close();
    await cache.close();
    redis.disconnect();
  });

  const read = async (app: HttpApp) => {
    const answer = await app.request("/list", { tenant });
    return { version: JSON.parse(answer.body).version as number, cache: answer.cache };
  };
  const write = (app: HttpApp) => app.request("/list", { tenant, method: "POST" });
  const entryKeys = () => redis.keys(`tenant:${tenant}:${MODULE}:*`);

  test("neither reads the other's entry of the same request", async () => {
    await read(apps.old);
    assert.equal((await read(apps.migrated)).cache, "fwd=miss; stored");
    await cache.idle();
    assert.equal((await entryKeys()).length, 2);
    assert.equal((await read(apps.migrated)).cache, "hit");
    assert.equal((await read(apps.old)).version, version);
  });

  for (const writer of ["both", "migrated"] as const) {
    test(`a change through the "${writer}" instance is seen through all`, async () => {
      for (const app of Object.values(apps)) await read(app);
      await cache.idle();
      await write(apps[writer]);
      for (const app of Object.values(apps)) assert.equal((await read(app)).version, version);
      await cache.idle();
      assert.equal((await read(apps.migrated)).cache, "hit");
    });
  }

  test("an old value in the very place of an entry is a miss and an alarm, and is replaced", async () => {
    await read(apps.migrated);
    await cache.idle();
    const [key = ""] = await entryKeys();
    // Without the copy that this process keeps in memory.
    const fresh = await openCache("redis-only", { keyPrefix: "" });
    await redis.set(key, JSON.stringify({ version: -1 }));
    const app = await serve((express) => {
      express.get("/list", fresh.cacheList(MODULE, 60), (_req, res) => void res.json({ version }));
    });
    try {
      assert.deepEqual(await read(app), { version, cache: "fwd=miss; stored" });
      assert.equal((await fresh.stats({ tenantId: tenant })).totals.alarms, 1);
      await fresh.idle();
      assert.equal((await read(app)).cache, "hit");
    } finally {
      await app.close();
      await fresh.close();
    }
  });

  test("old values stay where a module is invalidated, and go with the whole tenant", async () => {
    await read(apps.old);
    assert.equal((await entryKeys()).length, 1);
    await cache.invalidateTenantCache(tenant, MODULE);
    await cache.idle();
    assert.equal((await entryKeys()).length, 1);
    await cache.invalidateAllTenant(tenant);
    await cache.idle();
    assert.deepEqual(await entryKeys(), []);
  });
});

function oldList(redis: Redis): RequestHandler {
  return async (req, res, next) => {
    const hash = createHash("md5").update(req.originalUrl).digest("hex");
    const key = `tenant:${req.get("x-tenant")}:${MODULE}:list:${hash}`;
    const cached = await redis.get(key);
    if (cached !== null) return void res.json(JSON.parse(cached));
    const send = res.json.bind(res);
    res.json = (body) => {
      void redis.set(key, JSON.stringify(body), "EX", 60).then(() => send(body));
      return res;
    };
    next();
  };
}

/** Purges before it answers. */
function oldPurge(redis: Redis): RequestHandler {
  return (req, res, next) => {
    const send = res.json.bind(res);
    res.json = (body) => {
      void purge(redis, `tenant:${req.get("x-tenant")}:${MODULE}:*`).then(() => send(body));
      return res;
    };
    next();
  };
}

async function purge(redis: Redis, pattern: string): Promise<void> {
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", pattern, "COUNT", 1000);
    cursor = next;
    if (keys.length > 0) await redis.del(...keys);
  } while (cursor !== "0");
}
