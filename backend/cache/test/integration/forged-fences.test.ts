// Leases and fences that nobody of this cache wrote: nobody waits for a holder that there is not, and no time is read from what has none.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { sharedRedisUrl } from "../../../servers/index.js";
import type { TenantCache } from "../../src/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { openCache } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const SETTLE_MS = 600_000;
/** Longer than a handler takes on a busy machine: one that is known to take longer is not waited for. */
const WAIT_MS = 3000;

describe("leases and fences that others wrote", () => {
  const keyPrefix = `test:${randomUUID()}:`;
  const keys = new KeySpace(keyPrefix, false);
  let redis: Redis;
  let cache: TenantCache;
  let app: HttpApp;
  let stored = "";

  beforeAll(async () => {
    redis = new Redis(await sharedRedisUrl());
    cache = await openCache("redis-only", { keyPrefix, fill: { waitMs: WAIT_MS } });
    cache.events.on("stored", ({ key = "" }) => {
      stored = key;
    });
    app = await serve((express) => {
      express.get("/list", cache.cacheList("accounts"), (_req, res) => void res.json({}));
      express.get("/settling", cache.cacheList("leads", { settleMs: SETTLE_MS }), (_req, res) => {
        res.json({});
      });
    });
  });
  afterAll(async () => {
    await app.close();
    await cache.close();
    redis.disconnect();
  });

  test("a lease that does not end is waited for once", async () => {
    await app.request("/list");
    await cache.idle();
    const hash = stored.split(":").at(-1) ?? "";
    const fences = await redis.mget(keys.fence("tenant-1"), keys.fence("tenant-1", "accounts"));
    await redis.unlink(stored);
    await redis.set(keys.lease("tenant-1", "accounts", hash), `nobody,${fences.join(",")}`);
    assert.equal((await app.request("/list")).cache, "fwd=miss; detail=wait-exceeded");
    await cache.idle();
    assert.equal((await app.request("/list")).cache, "fwd=miss; stored");
    await cache.idle();
    assert.equal((await app.request("/list")).cache, "hit");
  });

  test("a fence without a time has just changed, for a route that waits for replicas", async () => {
    await redis.set(keys.fence("tenant-1"), `old.${Date.now() - 2 * SETTLE_MS}`);
    await redis.set(keys.fence("tenant-1", "leads"), `old.${Date.now() - 2 * SETTLE_MS}`);
    assert.equal((await app.request("/settling?page=1")).cache, "fwd=miss; stored");
    await redis.set(keys.fence("tenant-1", "leads"), "forged");
    assert.equal((await app.request("/settling?page=2")).cache, "fwd=miss; detail=settling");
    await cache.invalidateTenantCache("tenant-1", "leads");
    assert.match((await redis.get(keys.fence("tenant-1", "leads"))) ?? "", /^.+\.\d+$/, "replaced");
  });
});
