// While Redis is away `staleIfError` goes on where this process knows by itself that no fence has cut the entry off, and nowhere else.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { openCache, quiet } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { untilHit } from "../support/until-hit.js";

const AWAY = "fwd=bypass; detail=store-unavailable";

/** @returns the app, its Redis being away since two lists were stored, and their handler failing from now on */
async function awayWith(maxStaleness: number) {
  const redis = await startRedisServer();
  closeAfterTest({ close: () => redis.stop() });
  const cache = await openCache("redis", { redis: redis.url, logger: quiet, budgetMs: 1000 });
  const handler = { isFailing: false };
  const app = await serve((express) => {
    const list = { ttlSeconds: 1, staleIfError: 600, maxStaleness };
    express.get("/list{/*rest}", cache.cacheList("accounts", list), (req, res) => {
      if (handler.isFailing) res.status(500).json({ failed: true });
      else res.json({ of: req.path });
    });
    express.post("/list", cache.invalidateCache("accounts"), (_req, res) => void res.sendStatus(201));
  });
  closeAfterTest(cache, app);
  // Its TTL may be over before it is asked for again.
  for (const path of ["/list/1", "/list/2"])
    await untilHit(path, async () => {
      const { cache: status } = await app.request(path);
      await cache.idle();
      return { status };
    });
  await redis.kill();
  await until("the process knows that Redis is away", () => !cache.health().connected);
  handler.isFailing = true;
  await until("the TTL is over", async () => (await app.request("/list/1")).cache !== "hit");
  return { app, handler };
}

describe("staleIfError with Redis away", () => {
  test("a strict route answers what its handler does: another process may have changed what it shows", async () => {
    const { app } = await awayWith(0);
    const { status, cache } = await app.request("/list/1");
    assert.deepEqual([status, cache], [500, AWAY]);
  });

  test("within maxStaleness the entry answers in the place of a failure, also for those who wait together", async () => {
    const { app, handler } = await awayWith(60_000);
    const { status, cache, body } = await app.request("/list/1");
    assert.deepEqual([status, cache], [200, "fwd=stale; detail=stale-if-error"]);
    assert.deepEqual(JSON.parse(body), { of: "/list/1" });
    for (const answer of await Promise.all(Array.from({ length: 5 }, () => app.request("/list/2"))))
      assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, { of: "/list/2" }]);
    handler.isFailing = false;
    const own = await app.request("/list/1");
    assert.deepEqual([own.status, own.cache], [200, AWAY], "one that does not fail answers itself");
  });

  test("what this process has changed since is not shown, whether the store has heard of it or not", async () => {
    const { app } = await awayWith(60_000);
    assert.equal((await app.request("/list", { method: "POST" })).status, 201);
    const { status, cache } = await app.request("/list/1");
    assert.deepEqual([status, cache], [500, AWAY]);
  });
});
