// A Cluster whose master is replaced, or is found at other addresses than it says: the masters of the moment are asked, nobody else.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import calculateSlot from "cluster-key-slot";
import { Cluster, Redis } from "ioredis";
import { closeAfterTest, tell } from "../../../servers/in-test.js";
import { startTcpProxy } from "../../../servers/index.js";
import { type RedisCluster, startRedisCluster } from "../../../servers/redis-cluster.js";
import type { TenantCacheOptions } from "../../src/index.js";
import { openCache, quiet, READY_WITHIN_MS } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { withoutRestated } from "../support/watched-cache.js";

const MASTERS = 3;
const SLOTS = 16_384;
const FAILS_OVER_WITHIN_MS = 6000;

describe("a Cluster whose master is replaced", () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startRedisCluster({ withReplica: true, nodeTimeoutMs: 2000 });
  });
  afterAll(() => cluster.stop());

  /** A tenant whose slot the first master has. */
  const tenant = Array.from({ length: 1000 }, (_, index) => `tenant-${index}`).find(
    (each) => calculateSlot(each) < SLOTS / MASTERS - 1,
  );
  assert.ok(tenant);

  async function open(redis: TenantCacheOptions["redis"], truth: { version: number }, logger = quiet) {
    const cache = await openCache("redis", { redis, keyPrefix: "", logger });
    const app = await serve((express) => {
      express.get("/list", cache.cacheList("accounts"), (_req, res) => void res.json(truth.version));
      express.post("/list", cache.invalidateCache("accounts"), (_req, res) => {
        truth.version++;
        res.sendStatus(201);
      });
    });
    closeAfterTest(cache, app);
    return {
      cache,
      read: async () => {
        const answer = await app.request("/list", { tenant: tenant ?? "" });
        return { version: Number(answer.body), how: answer.cache };
      },
      write: () => app.request("/list", { method: "POST", tenant: tenant ?? "" }),
    };
  }

  /** The masters vote for it, but not always the first time: it gives up after five seconds, and has to be told again. */
  async function takeOver(replica: Redis): Promise<void> {
    const isMaster = async () => /^role:master/m.test(await replica.info("replication"));
    while (!(await isMaster())) {
      await replica.call("CLUSTER", "FAILOVER");
      const giveUpAtMs = performance.now() + FAILS_OVER_WITHIN_MS;
      while (performance.now() < giveUpAtMs && !(await isMaster())) await delay(10);
    }
  }

  test("CLUSTER FAILOVER, also where the user has told the old master that reads of a replica will do", async () => {
    const [first] = cluster.servers;
    const { replica } = cluster;
    assert.ok(first && replica);
    const client = new Cluster([...cluster.nodes]);
    closeAfterTest({ close: async () => client.disconnect() });
    const truth = { version: 0 };
    const left = await open(client, truth);
    const other = await open({ cluster: cluster.nodes }, truth);
    await left.read();
    await left.cache.idle();
    assert.equal((await left.read()).how, "hit");
    // On the very connection that the cache uses: from here on it would answer as a replica, too.
    for (const node of client.nodes("master")) await node.readonly();
    const orders = [new Redis(first.url), new Redis(replica.url)] as const;
    closeAfterTest({ close: async () => orders.forEach((order) => void order.disconnect()) });
    await takeOver(orders[1]);
    // What follows does not reach the old one.
    await orders[1].call("CLIENT", "KILL", "TYPE", "replica");
    for (let round = 0; round < 5; round++) {
      assert.equal((await other.write()).status, 201);
      assert.equal((await left.read()).version, truth.version);
      assert.equal((await left.write()).status, 201);
      assert.equal((await other.read()).version, truth.version);
    }
    assert.equal(await left.cache.ready(READY_WITHIN_MS), true);
    while ((await left.read()).how !== "hit") await left.cache.idle();
    assert.equal((await left.read()).version, truth.version);
  });

  test("a client with a natMap finds the masters where it says they are", async () => {
    const natMap: Record<string, { host: string; port: number }> = {};
    for (const { host, port } of [...cluster.servers, ...(cluster.replica ? [cluster.replica] : [])]) {
      const proxy = await startTcpProxy(port);
      closeAfterTest(proxy);
      natMap[`${host}:${port}`] = { host: "localhost", port: proxy.port };
    }
    const client = new Cluster([...cluster.nodes], { natMap });
    closeAfterTest({ close: async () => client.disconnect() });
    const truth = { version: 0 };
    const mapped = await open(client, truth);
    assert.equal((await mapped.write()).status, 201);
    await mapped.read();
    await mapped.cache.idle();
    assert.deepEqual(await mapped.read(), { version: 1, how: "hit" });
    assert.equal((await mapped.write()).status, 201);
    assert.equal((await mapped.read()).version, 2);
  });

  test("a master that dies: one line, and its replica is used once it has taken over", async () => {
    const { replica } = cluster;
    assert.ok(replica);
    const order = new Redis(replica.url);
    order.on("error", () => undefined);
    closeAfterTest({ close: async () => order.disconnect() });
    const isMaster = async () => /^role:master/m.test(await order.info("replication"));
    // The replica has become the master in the test before.
    const [dying, heir] = (await isMaster()) ? [replica, cluster.servers[0]] : [cluster.servers[0], replica];
    assert.ok(dying && heir);
    const heirs = new Redis(heir.url);
    closeAfterTest({ close: async () => heirs.disconnect() });
    while (!/master_link_status:up/.test(await heirs.info("replication"))) await delay(10);
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const truth = { version: 0 };
    const { cache, read, write } = await open({ cluster: cluster.nodes }, truth, {
      info: log,
      warn: log,
      error: log,
    });
    await read();
    await cache.idle();
    assert.equal((await read()).how, "hit");
    await dying.kill();
    while (cache.health().connected) assert.equal((await read()).version, 0);
    assert.equal((await write()).status, 201);
    assert.deepEqual(await read(), { version: 1, how: "fwd=bypass; detail=store-unavailable" });
    while (!/^role:master/m.test(await heirs.info("replication"))) assert.equal((await read()).version, 1);
    const promotedAtMs = performance.now();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    tell(`in use ${((performance.now() - promotedAtMs) / 1000).toFixed(1)} s after the failover`);
    assert.equal((await read()).version, 1);
    // Another reason that lasts is told once more.
    const told = withoutRestated(lines);
    assert.equal(told.length, 2, lines.join("\n"));
    assert.match(told[0] ?? "", /store away \((connect ECONNREFUSED .+|connection closed)\)/);
    assert.match(told[1] ?? "", /store back after [\d.]+ s; [1-9]\d* pending invalidations replayed/);
  });
});
