// A master that is demoted while its connections stay: by FAILOVER, by hand, there and back. Nothing it says is believed from then on.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer, startTcpProxy, type TcpProxy } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { Logger, TenantCacheOptions } from "../../src/index.js";
import { openCache, quiet, READY_WITHIN_MS } from "../support/caches.js";
import { serveVersioned, type VersionedApp } from "../support/versioned-app.js";

const KEY_PREFIX = "demoted:";

interface Pair {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** Orders to each of them. */
  readonly orders: readonly [Redis, Redis];
  /** In front of the master, so that its replica can be made to lag. */
  readonly toMaster: TcpProxy;
  /** In front of the replica, which its followers know by this address. */
  readonly toReplica: TcpProxy;
}

/** A master, and a server that follows it once it is told to. No sync waits for more replicas. */
async function startPair(): Promise<Pair> {
  const args = ["--repl-diskless-sync-delay", "0"];
  const [master, replica] = await Promise.all([startRedisServer({ args }), startRedisServer({ args })]);
  const [toMaster, toReplica] = await Promise.all([startTcpProxy(master.port), startTcpProxy(replica.port)]);
  const orders = [new Redis(master.url), new Redis(replica.url)] as const;
  for (const admin of orders) admin.on("error", () => undefined);
  await orders[1].config("SET", "replica-announce-port", toReplica.port);
  closeAfterTest({
    async close() {
      for (const admin of orders) admin.disconnect();
      await Promise.all([toMaster.close(), toReplica.close()]);
      await Promise.all([master.stop(), replica.stop()]);
    },
  });
  return { master, replica, orders, toMaster, toReplica };
}

async function open(redis: TenantCacheOptions["redis"], truth: { version: number }, logger: Logger = quiet) {
  const cache = await openCache("redis", { redis, keyPrefix: KEY_PREFIX, logger });
  const versioned = await serveVersioned(cache, { truth });
  closeAfterTest(cache, versioned.app);
  return { cache, ...versioned };
}

async function follow(follower: Redis, { port }: { readonly port: number }): Promise<void> {
  await follower.replicaof("127.0.0.1", port);
  while (!/^master_link_status:up/m.test(await follower.info("replication"))) await delay(5);
}

/** A server that has just changed its replication id may be asked for that a moment after an entry was stored: a miss more. */
const MISSES = 3;

async function becomesHit({ read, cache }: VersionedApp & { cache: { idle(): Promise<void> } }) {
  for (let round = 0; round < MISSES; round++) {
    await read();
    await cache.idle();
  }
  assert.equal((await read()).cache, "hit");
}

/** How a process may have come to the server: the cache's own two connections, or one of the user's. */
const ways: Record<string, (server: RedisServer) => TenantCacheOptions["redis"]> = {
  "a URL": ({ url }) => url,
  "a client of the user's": ({ url }) => {
    const client = new Redis(url);
    closeAfterTest({ close: async () => client.disconnect() });
    return client;
  },
};

for (const [way, connectTo] of Object.entries(ways)) {
  describe(`a master that is demoted under its connections (${way})`, () => {
    test("FAILOVER: what it holds by then is not served, and one line says why", async () => {
      const { master, replica, orders, toReplica } = await startPair();
      const [first, second] = orders;
      await follow(second, master);
      const truth = { version: 0 };
      const lines: string[] = [];
      const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
      const left = await open(connectTo(master), truth, logger);
      await becomesHit(left);
      await first.call("FAILOVER");
      while (!/^role:master/m.test(await second.info("replication"))) await delay(5);
      // The old one does not learn of what follows.
      toReplica.cut();
      const moved = await open(replica.url, truth);
      assert.equal((await moved.write()).status, 201);
      // Why comes with an answer of its own, later than the first reads.
      await until("it is known why", async () => {
        assert.equal((await left.read()).version, 1);
        return /READONLY: the server is a replica of 127\.0\.0\.1/.test(left.cache.health().reason ?? "");
      });
      for (let round = 0; round < 20; round++) assert.equal((await left.read()).version, 1);
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", /store away \(READONLY: the server is a replica/);
      assert.equal((await left.write()).status, 201, "changes are answered, and wait");
      assert.ok(left.cache.health().pendingInvalidations > 0);
    });

    test("REPLICAOF by hand: it is used again once it is a master, without what it held", async () => {
      const { master, replica, orders, toReplica } = await startPair();
      const [first, second] = orders;
      const truth = { version: 0 };
      const left = await open(connectTo(master), truth);
      await becomesHit(left);
      await follow(second, master);
      // Since the first replica the server has another replication id: its entries were another's.
      await becomesHit(left);
      await second.replicaof("NO", "ONE");
      const moved = await open(replica.url, truth);
      assert.equal((await moved.write()).status, 201);
      toReplica.cut();
      await first.replicaof("127.0.0.1", toReplica.port);
      for (let round = 0; round < 20; round++) assert.equal((await left.read()).version, 1);
      await first.replicaof("NO", "ONE");
      assert.equal(await left.cache.ready(READY_WITHIN_MS), true);
      assert.equal((await left.read()).version, 1);
      await becomesHit(left);
    });

    test("there and back while nobody asks: it has become what a replica that lagged made of it", async () => {
      const { master, replica, orders, toMaster } = await startPair();
      const [first, second] = orders;
      const truth = { version: 0 };
      const left = await open(connectTo(master), truth);
      const other = await open(master.url, truth);
      await follow(second, toMaster);
      await becomesHit(left);
      const [entry = ""] = await first.keys(`${KEY_PREFIX}tenant:*`);
      while ((await second.exists(entry)) === 0) await delay(5);
      toMaster.stall();
      assert.equal((await other.write()).status, 201);
      await second.replicaof("NO", "ONE");
      await follow(first, replica);
      assert.equal(await first.exists(entry), 1, "the old entry is there again, and so are its fences");
      await first.replicaof("NO", "ONE");
      const { version, cache } = await left.read();
      assert.deepEqual([version, cache === "hit"], [1, false]);
    });

    test("there and back while a question is on its way, a moment after the server was known for certain", async () => {
      const { master, replica, orders, toMaster } = await startPair();
      const [first, second] = orders;
      const truth = { version: 0 };
      const toLeft = await startTcpProxy(master.port);
      closeAfterTest(toLeft);
      const left = await open(connectTo({ ...master, url: `redis://127.0.0.1:${toLeft.port}` }), truth);
      const other = await open(master.url, truth);
      await follow(second, toMaster);
      await becomesHit(left);
      const [entry = ""] = await first.keys(`${KEY_PREFIX}tenant:*`);
      while ((await second.exists(entry)) === 0) await delay(5);
      toMaster.stall();
      assert.equal((await other.write()).status, 201);
      await second.replicaof("NO", "ONE");
      // On both connections of the cache's own.
      await becomesHit({ ...left, read: () => left.read("/list/another") });
      for (let time = 0; time < 3; time++) await left.read("/list/another");
      toLeft.stall();
      const asked = left.read();
      await follow(first, replica);
      await first.replicaof("NO", "ONE");
      toLeft.heal();
      const { version, cache } = await asked;
      assert.deepEqual([version, cache === "hit"], [1, false]);
    });

    test("a replica that takes writes: an invalidation that goes there is none", async () => {
      const { master, replica, orders } = await startPair();
      const [first, second] = orders;
      await follow(second, master);
      await first.config("SET", "replica-read-only", "no");
      const truth = { version: 0 };
      const left = await open(connectTo(master), truth);
      await becomesHit(left);
      await second.replicaof("NO", "ONE");
      const moved = await open(replica.url, truth);
      await becomesHit(moved);
      await first.replicaof("127.0.0.1", replica.port);
      assert.equal((await left.write()).status, 201);
      assert.ok(left.cache.health().pendingInvalidations > 0, "it waits for a master");
    });
  });
}
