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

  /** Calls by clients; what scripts call is the server's own. */
  async function callsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
    await operator.config("RESETSTAT");
    await work();
    await cache.idle();
    const stats = await operator.info("commandstats");
    const calls = [...stats.matchAll(/^cmdstat_(mget|evalsha|unlink):calls=(\d+)/gm)];
    return Object.fromEntries(calls.map(([, name = "", count]) => [name, Number(count)]));
  }

  test("a hundred values are read by one MGET", async () => {
    const space = cache.manager.tenant("acme");
    await space.mSet(KEYS.map((key) => ({ key, value: key })));
    const read = async () => assert.deepEqual(await space.mGet(KEYS), KEYS);
    // A server that is silent for a quarter of a second is asked the same on another connection.
    let calls = await callsOf(read);
    for (let retries = 10; calls.mget !== 1 && retries > 0; retries--) calls = await callsOf(read);
    assert.deepEqual(calls, { mget: 1 });
  });

  test("a hundred values are written by one script each, behind one for all fences", async () => {
    const space = cache.manager.tenant("acme");
    await space.mSet(KEYS.map((key) => ({ key, value: key })));
    const write = () => space.mSet(KEYS.map((key) => ({ key, value: `new ${key}` })));
    // Those of the scripts count as well.
    const expected = { evalsha: 2 + KEYS.length, mget: 1 + KEYS.length };
    let calls = await callsOf(write);
    for (let retries = 10; calls.mget !== expected.mget && retries > 0; retries--)
      calls = await callsOf(write);
    assert.deepEqual(calls, expected);
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
