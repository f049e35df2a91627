// A replica is promoted that never saw the last invalidation: it holds the old fences and the old entries, and is not believed.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import {
  REPLICATE_AT_ONCE,
  type RedisSentinels,
  startRedisSentinels,
} from "../../../servers/redis-sentinel.js";
import { startTcpProxy, type TcpProxy } from "../../../servers/tcp-proxy.js";
import { until } from "../../../servers/until.js";
import type { TenantCache } from "../../src/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { serveVersioned, type VersionedApp } from "../support/versioned-app.js";

const KEY_PREFIX = "failover:";

describe("failover to a replica that lags", () => {
  let replication: TcpProxy;
  let sentinels: RedisSentinels;
  let cache: TenantCache;
  let versioned: VersionedApp;

  beforeAll(async () => {
    sentinels = await startRedisSentinels(async (masterPort) => {
      replication = await startTcpProxy(masterPort);
      return replication.port;
    });
    cache = await openCache("redis", { redis: sentinels.options, keyPrefix: KEY_PREFIX });
    versioned = await serveVersioned(cache, { list: { ttlSeconds: 3600 } });
  });
  afterAll(async () => {
    await versioned.app.close();
    await cache.close();
    await replication.close();
    await sentinels.stop();
  });

  test("what it holds are misses, and it serves on as the new master", async () => {
    const replica = new Redis(sentinels.replica.url);
    afterTest(() => replica.disconnect());
    replica.on("error", () => undefined);
    await versioned.read();
    await cache.idle();
    assert.equal((await versioned.read()).cache, "hit");
    const master = new Redis(sentinels.master.url);
    const [entry = ""] = await master.keys(`${KEY_PREFIX}tenant:*`);
    master.disconnect();
    while ((await replica.exists(entry)) === 0) await new Promise(setImmediate);

    replication.stall();
    assert.equal((await versioned.write()).status, 201);
    assert.equal(await replica.exists(entry), 1, "the replica still holds the old entry");
    await sentinels.master.kill();
    assert.equal(await sentinels.failedOver(sentinels.master.port), sentinels.replica.port);
    assert.equal(await cache.ready(READY_WITHIN_MS), true);

    assert.equal(await replica.exists(entry), 1, "and so does the new master");
    const first = await versioned.read();
    assert.equal(first.version, 1);
    // The sentinels' news may come late, and have it connect once more.
    await until("a hit", async () => {
      await cache.idle();
      const { version, cache: how } = await versioned.read();
      assert.equal(version, 1);
      return how === "hit";
    });
    assert.equal((await versioned.write()).status, 201);
    assert.equal((await versioned.read()).version, 2);
  });
});

describe("failover to a replica that lags, and back", () => {
  let master: RedisServer;
  let replica: RedisServer;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    const options = { args: REPLICATE_AT_ONCE };
    [master, replica] = await Promise.all([startRedisServer(options), startRedisServer(options)]);
  });
  afterAll(async () => {
    for (const each of opened.reverse()) await each.close();
    await Promise.all([master.stop(), replica.stop()]);
  });

  /** Makes a server follow another one, or nobody, and ends its clients' connections, as Sentinel does. */
  async function follow(admin: Redis, leader: { host: string; port: number } | "nobody"): Promise<void> {
    if (leader === "nobody") await admin.replicaof("NO", "ONE");
    else await admin.replicaof(leader.host, leader.port);
    await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  }

  test("the first master is not taken for the one that the entry was made under, though it never restarted", async () => {
    const replication = await startTcpProxy(master.port);
    const cache = await openCache("redis", { redis: master.url, keyPrefix: KEY_PREFIX });
    const versioned = await serveVersioned(cache, { list: { ttlSeconds: 3600 } });
    opened.push(replication, cache, versioned.app);
    const [first, second] = [new Redis(master.url), new Redis(replica.url)];
    await versioned.read();
    await cache.idle();
    const [entry = ""] = await first.keys(`${KEY_PREFIX}tenant:*`);
    await follow(second, { host: "127.0.0.1", port: replication.port });
    while ((await second.exists(entry)) === 0) await new Promise(setImmediate);
    replication.stall();
    assert.equal((await versioned.write()).status, 201);
    await cache.idle();
    assert.equal(await first.exists(entry), 0, "the first master knows of the write");

    await follow(second, "nobody");
    await follow(first, replica);
    while ((await first.exists(entry)) === 0) await new Promise(setImmediate);
    await follow(first, "nobody");
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    assert.equal((await versioned.read()).version, 1);
    for (const admin of [first, second]) admin.disconnect();
  });
});

describe("a master that hangs through its own failover", () => {
  let sentinels: RedisSentinels;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    sentinels = await startRedisSentinels();
  });
  afterAll(async () => {
    for (const each of opened.reverse()) await each.close();
    await sentinels.stop();
  });

  test("is left when it answers again, also by a client that Sentinel has not told", async () => {
    // One that a hung store soon exceeds, and a busy machine does not.
    const shared = { keyPrefix: KEY_PREFIX, budgetMs: 1000 };
    const redis = { ...sentinels.options, failoverDetector: false };
    const cache = await openCache("redis", { ...shared, redis });
    const truth = { version: 0 };
    const versioned = await serveVersioned(cache, { truth });
    opened.push(cache, versioned.app);
    await versioned.read();
    await cache.idle();
    assert.equal((await versioned.read()).cache, "hit");

    await sentinels.master.pause();
    while (cache.health().connected) await versioned.read();
    await sentinels.failedOver(sentinels.master.port);
    // Another process has found the new master, and tells it of a change.
    const other = await openCache("redis", { ...shared, redis: sentinels.options });
    const writer = await serveVersioned(other, { truth });
    opened.push(other, writer.app);
    assert.equal((await writer.write()).status, 201);
    await sentinels.master.resume();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    assert.equal((await versioned.read()).version, 1);
  });
});
