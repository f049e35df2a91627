// The console while the store is away: every page is shown and says so, a purge waits and holds once it is back.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { TenantCache } from "../../src/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { type ConsoleWorld, consoleWorld, PAGES } from "../support/console-world.js";

describe("the console while the store is away", () => {
  let redis: RedisServer;
  let cache: TenantCache;
  let world: ConsoleWorld;
  const list = () => world.request("/accounts", { tenant: "acme" });

  beforeAll(async () => {
    redis = await startRedisServer();
    cache = await openCache("redis", { redis: redis.url, budgetMs: 1000 });
    world = await consoleWorld(cache);
    await list();
    await cache.idle();
    assert.equal((await list()).cache, "hit");
    await redis.pause();
    await until("the cache has seen it", async () => {
      await list();
      return cache.health().circuit !== "closed";
    });
  });
  afterAll(async () => {
    await redis.resume();
    await world.close();
    await cache.close();
    await redis.stop();
  });

  test("every page is shown, the first one says what is wrong, and those that need the store say that it does not answer", async () => {
    for (const page of [...PAGES, "entries?tenant=acme&module=accounts", "causes?tenant=acme"])
      assert.equal((await world.get("superadmin", page)).status, 200, page);
    const { body } = await world.get("superadmin", "");
    // The client gives a silent server up, too, and says after how long.
    assert.match(body, /The store is away \(no answer within \d+ ms[;)][^<]*: handlers answer/);
    assert.match(
      (await world.get("superadmin", "entries?tenant=acme&module=accounts")).body,
      /The store does not answer now/,
    );
    assert.match((await world.get("superadmin", "causes?tenant=acme")).body, /The store does not answer now/);
    const explained = await world.get("superadmin", "explain?tenant=acme&url=%2Faccounts");
    assert.equal(explained.status, 200);
  });

  test("a purge says that it is not confirmed, is told as waiting, and holds when the store is back", async () => {
    const { answer } = await world.purge("admin", { scope: "modules", tenant: "acme", names: "accounts" });
    assert.equal(answer.status, 202);
    assert.match(answer.body, /Not confirmed: the store is away/);
    assert.match((await world.get("superadmin", "")).body, /1 invalidation waits for the store/);
    await redis.resume();
    assert.equal(await cache.ready(READY_WITHIN_MS), true, "it comes back");
    assert.notEqual((await list()).cache, "hit");
  });
});
