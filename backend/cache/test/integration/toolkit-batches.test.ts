// What batches of the toolkit cost in commands to Redis.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";

const KEYS = Array.from({ length: 100 }, (_, n) => `batch:${n}`);

describe("batches of the toolkit", () => {
  let redis: RedisServer;
  let operator: Redis;
  let cache: TenantCache;

  beforeAll(async () => {
    redis = await startRedisServer();
    operator = new Redis(redis.url);
    cache = await openCache("redis", { redis: redis.url });
  });
  afterAll(async () => {
    operator.disconnect();
    await cache.close();
    await redis.stop();
  });

  /**
   * Calls by clients; what scripts call is the server's own.
   * @param reads how many MGETs there should be: a server that is silent for a quarter of a second is asked the same on another
   * connection, and the work is then done again
   */
  async function callsOf(work: () => Promise<unknown>, reads?: number): Promise<Record<string, number>> {
    for (let retries = 10; ; retries--) {
      await operator.config("RESETSTAT");
      await work();
      await cache.idle();
      const stats = await operator.info("commandstats");
      const calls = [...stats.matchAll(/^cmdstat_(mget|evalsha|unlink):calls=(\d+)/gm)];
      const counts = Object.fromEntries(calls.map(([, name = "", count]) => [name, Number(count)]));
      if (reads === undefined || counts.mget === reads || retries === 0) return counts;
    }
  }

  test("a hundred values are read by one MGET", async () => {
    const space = cache.manager.tenant("acme");
    await space.mSet(KEYS.map((key) => ({ key, value: key })));
    const read = async () => assert.deepEqual(await space.mGet(KEYS), KEYS);
    assert.deepEqual(await callsOf(read, 1), { mget: 1 });
  });

  test("a hundred values are written by one script each, behind one for all fences", async () => {
    const space = cache.manager.tenant("acme");
    await space.mSet(KEYS.map((key) => ({ key, value: key })));
    const write = () => space.mSet(KEYS.map((key) => ({ key, value: `new ${key}` })));
    // Those of the scripts count as well.
    const expected = { evalsha: 2 + KEYS.length, mget: 1 + KEYS.length };
    assert.deepEqual(await callsOf(write, expected.mget), expected);
  });

  test("a hundred values are removed by one command", async () => {
    const space = cache.manager.tenant("acme");
    const calls = await callsOf(async () => assert.equal(await space.delete(...KEYS), true));
    assert.equal(
      Object.values(calls).reduce((sum, count) => sum + count, 0),
      1,
    );
  });
});
