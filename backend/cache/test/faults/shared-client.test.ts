// A client of the user's own is left as it was found: its listeners, its commands, its connection.
import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { type RedisCluster, startRedisCluster } from "../../../servers/redis-cluster.js";
import { createTenantCache, type TenantCacheOptions } from "../../src/index.js";
import { quiet, READY_WITHIN_MS } from "../support/caches.js";
import { serveVersioned } from "../support/versioned-app.js";

type Client = EventEmitter & { readonly status: string; disconnect(): void; nodes?(): unknown[] };

/** What a client looks like from outside: its own properties, and how many listen to what, on its nodes too. */
function looksOf(client: Client): unknown {
  const each = [client, ...((client.nodes?.() ?? []) as Client[])];
  return each.map((emitter) => ({
    listeners: emitter.eventNames().map((event) => [String(event), emitter.listenerCount(event)]),
    properties: Object.keys(emitter).sort(),
  }));
}

describe("a client of the user's", () => {
  let server: RedisServer;
  let cluster: RedisCluster;
  const warnings: Error[] = [];
  const heed = (warning: Error) => void warnings.push(warning);

  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedisServer(), startRedisCluster()]);
    process.on("warning", heed);
  });
  afterAll(async () => {
    process.off("warning", heed);
    await Promise.all([server.stop(), cluster.stop()]);
  });

  const clients: [name: string, make: () => Client][] = [
    ["ioredis 6", () => new Redis(server.url)],
    ["ioredis 5", () => new Redis5(server.url)],
    ["a Cluster of ioredis 6", () => new Cluster([...cluster.nodes])],
  ];
  for (const [name, make] of clients) {
    test(`${name}: twelve caches at once leave nothing behind, and are too many for nobody`, async () => {
      const client = make();
      const options = { redis: client as TenantCacheOptions["redis"], tenant: () => "t", logger: quiet };
      const first = createTenantCache({ ...options, budgetMs: 5000 });
      assert.equal(await first.ready(READY_WITHIN_MS), true);
      await first.close();
      const found = looksOf(client);
      const caches = Array.from({ length: 12 }, () => createTenantCache({ ...options, budgetMs: 5000 }));
      for (const cache of caches) {
        assert.equal(await cache.ready(READY_WITHIN_MS), true);
        const { app, read, write } = await serveVersioned(cache);
        await read();
        await write();
        await read();
        await app.close();
      }
      for (const cache of caches) await cache.close();
      assert.deepEqual(looksOf(client), found);
      assert.equal(client.status, "ready");
      await new Promise(setImmediate);
      assert.deepEqual(warnings, []);
      client.disconnect();
    });
  }

  test("one that has not been touched yet gets its listeners and commands back as they were, too", async () => {
    for (const make of [() => new Redis(server.url), () => new Redis5(server.url)]) {
      const client: Client = make();
      await new Promise((resolve) => client.once("ready", resolve));
      const found = looksOf(client);
      const redis = client as TenantCacheOptions["redis"];
      const cache = createTenantCache({ redis, tenant: () => "t", logger: quiet, budgetMs: 5000 });
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      await cache.close();
      assert.deepEqual(looksOf(client), found);
      client.disconnect();
    }
  });

  test("one that would connect with its first command is connected", async () => {
    for (const client of [
      new Redis(server.url, { lazyConnect: true }),
      new Cluster([...cluster.nodes], { lazyConnect: true }),
    ]) {
      const cache = createTenantCache({ redis: client, tenant: () => "t", logger: quiet, budgetMs: 5000 });
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      await cache.close();
      client.disconnect();
    }
  });

  test("one that is closed is a reason, told once", async () => {
    const client = new Redis(server.url);
    await new Promise((resolve) => client.once("ready", resolve));
    client.disconnect();
    await new Promise((resolve) => client.once("end", resolve));
    const lines: string[] = [];
    const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
    const cache = createTenantCache({ redis: client, tenant: () => "t", logger });
    const { app, read } = await serveVersioned(cache);
    for (let round = 0; round < 5; round++)
      assert.equal((await read()).cache, "fwd=bypass; detail=store-unavailable");
    assert.match(cache.health().reason ?? "", /client that was passed is closed/);
    assert.equal(lines.length, 1, lines.join("\n"));
    await app.close();
    await cache.close();
  });
});
