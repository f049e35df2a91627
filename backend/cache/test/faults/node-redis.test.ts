// Clients of node-redis under faults: a server killed, hung, demoted or replaced, in every form that node-redis has.
import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import * as redis6 from "redis";
import * as redis5 from "redis-5";
import { closeAfterTest, tell } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { startRedisSentinels } from "../../../servers/redis-sentinel.js";
import { until } from "../../../servers/until.js";
import { formatReport } from "../../freshness/report.js";
import { runStage } from "../../freshness/run-stage.js";
import { STAGES } from "../../freshness/stages.js";
import { createTenantCache, type UserNodeRedisClient } from "../../src/index.js";
import { openCache, quiet, READY_WITHIN_MS } from "../support/caches.js";
import { BRIEFLY } from "../support/freshness-options.js";
import { serveVersioned } from "../support/versioned-app.js";

const majors = { "node-redis 6": redis6, "node-redis 5": redis5 as unknown as typeof redis6 };
const RECONNECT = { reconnectStrategy: () => 50 } as const;

/** As the user has it: connected, with a listener for its errors. */
async function connected<T extends { on(event: string, listener: () => void): unknown }>(
  client: T,
): Promise<T> {
  client.on("error", () => undefined);
  const theirs = client as unknown as UserNodeRedisClient;
  closeAfterTest({ close: () => theirs.isOpen && theirs.destroy() });
  await theirs.connect();
  return client;
}

async function open(redis: unknown) {
  const cache = await openCache("redis", {
    redis: redis as UserNodeRedisClient,
    keyPrefix: "",
    budgetMs: 2000,
  });
  const versioned = await serveVersioned(cache);
  closeAfterTest(cache, versioned.app);
  const becomesHit = () =>
    until("a hit", async () => {
      const { cache: how } = await versioned.read();
      await cache.idle();
      return /hit/.test(how);
    });
  return { cache, ...versioned, becomesHit };
}

for (const [name, { createClient, createCluster, createSentinel }] of Object.entries(majors)) {
  describe(name, () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedisServer();
    });
    afterAll(() => server.stop());

    test("a server that is killed: requests go on, and what was written meanwhile is seen once it is back", async () => {
      const client = await connected(createClient({ url: server.url, socket: RECONNECT }));
      const { cache, read, write, becomesHit } = await open(client);
      await becomesHit();
      await server.kill();
      assert.equal((await read()).status, 200);
      assert.equal((await write()).status, 201);
      assert.match((await read()).cache, /bypass/);
      assert.equal((await read()).version, 1);
      await until("a reason", () => /ECONNREFUSED|closed/i.test(cache.health().reason ?? ""));
      await server.restart();
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal((await read()).version, 1);
      await becomesHit();
    });

    test("a server that hangs: a request waits for its budget, and none after it", async () => {
      const client = await connected(createClient({ url: server.url, socket: RECONNECT }));
      const { cache, read, write, becomesHit } = await open(client);
      await becomesHit();
      await server.pause();
      try {
        assert.equal((await write()).status, 201);
        assert.equal((await read()).version, 1);
      } finally {
        await server.resume();
      }
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal((await read()).version, 1);
    });

    test("a master that is demoted under its connection is not believed", async () => {
      const other = await startRedisServer();
      const orders = new Redis(server.url);
      closeAfterTest({ close: () => other.stop() }, { close: () => orders.disconnect() });
      const client = await connected(createClient({ url: server.url, socket: RECONNECT }));
      const { cache, read, becomesHit } = await open(client);
      await becomesHit();
      await orders.replicaof("127.0.0.1", other.port);
      await until("a bypass", async () => /bypass/.test((await read()).cache));
      await until("a reason", () => /replica/i.test(cache.health().reason ?? ""));
      await orders.replicaof("NO", "ONE");
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
    });

    test("one that is connected later is used from then on; until then the reason says what to do", async () => {
      const client = createClient({ url: server.url });
      client.on("error", () => undefined);
      const redis = client as unknown as UserNodeRedisClient;
      const cache = createTenantCache({ redis, tenant: () => "acme", logger: quiet });
      closeAfterTest(cache, { close: () => client.destroy() });
      await until("a reason", () => /await its connect\(\)/.test(cache.health().reason ?? ""));
      await client.connect();
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
    });

    test("twelve caches at once leave nothing behind, and are too many for nobody", async () => {
      const warnings: Error[] = [];
      const heed = (warning: Error) => void warnings.push(warning);
      process.on("warning", heed);
      const client = await connected(createClient({ url: server.url }));
      const emitter = client as unknown as EventEmitter;
      const looks = () => emitter.eventNames().map((event) => [event, emitter.listenerCount(event)]);
      const found = looks();
      const redis = client as unknown as UserNodeRedisClient;
      const caches = Array.from({ length: 12 }, () =>
        createTenantCache({ redis, tenant: () => "t", logger: quiet }),
      );
      for (const cache of caches) assert.equal(await cache.ready(READY_WITHIN_MS), true);
      for (const cache of caches) await cache.close();
      await new Promise(setImmediate);
      process.off("warning", heed);
      assert.deepEqual(looks(), found);
      assert.deepEqual(warnings, []);
      assert.ok(client.isReady);
    });

    test("Sentinel: a master that is replaced is left, and its replica's old entries are not believed", async () => {
      const sentinels = await startRedisSentinels();
      closeAfterTest({ close: () => sentinels.stop() });
      const { name: master, sentinels: sentinelRootNodes } = sentinels.options;
      const client = await connected(createSentinel({ name: master, sentinelRootNodes, scanInterval: 500 }));
      const { cache, read, write, becomesHit } = await open(client);
      await becomesHit();
      await sentinels.master.kill();
      assert.equal((await write()).status, 201);
      assert.equal((await read()).version, 1);
      assert.equal(await sentinels.failedOver(sentinels.master.port), sentinels.replica.port);
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal((await read()).version, 1);
      await becomesHit();
    });

    test("Cluster: a master that is replaced is left", async () => {
      const cluster = await startRedisCluster({ withReplica: true, nodeTimeoutMs: 2000 });
      closeAfterTest({ close: () => cluster.stop() });
      const rootNodes = cluster.nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` }));
      const client = await connected(createCluster({ rootNodes, defaults: { socket: RECONNECT } }));
      const { cache, read, write, becomesHit } = await open(client);
      await becomesHit();
      await cluster.servers[0]?.kill();
      assert.equal((await write()).status, 201);
      assert.equal((await read()).version, 1);
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal((await read()).version, 1);
      await becomesHit();
    });
  });
}

test("the freshness checker finds nothing with a client of node-redis", async () => {
  const work = { reads: 1500, faultsDone: 4, budgetMs: 250, stopAtViolation: false };
  const report = await runStage(STAGES.deferred, { ...BRIEFLY, ...work, client: "node-redis" });
  tell(formatReport(report));
  assert.equal(report.violations, 0, formatReport(report));
  assert.ok(report.counts.hits > 0 && report.counts.writes > 0, "there was something to find");
});
