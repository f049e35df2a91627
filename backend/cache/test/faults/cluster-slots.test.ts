// A Redis Cluster in trouble for one slot only: its tenants' requests go to their handlers, everybody else's are served as before.
import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import calculateSlot from "cluster-key-slot";
import { Cluster, Redis } from "ioredis";
import { type RedisCluster, startRedisCluster } from "../../../servers/redis-cluster.js";
import type { TenantCacheOptions } from "../../src/index.js";
import { READY_WITHIN_MS } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { openWatched } from "../support/watched-cache.js";

describe("a Cluster with a slot in trouble", () => {
  let cluster: RedisCluster;
  let nodes: Redis[];
  const cleanups: (() => unknown)[] = [];

  beforeAll(async () => {
    cluster = await startRedisCluster();
    nodes = cluster.servers.map(({ url }) => new Redis(url));
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  afterAll(async () => {
    for (const node of nodes) node.disconnect();
    await cluster.stop();
  });

  const idOf = async (node: Redis) => String(await node.call("CLUSTER", "MYID"));

  /** A tenant, its slot, the node that has it and another one. */
  async function place(tenant: string) {
    const slot = calculateSlot(tenant);
    const owner = Math.min(Math.floor(slot / (16_384 / nodes.length)), nodes.length - 1);
    const [source, target] = [nodes[owner], nodes[(owner + 1) % nodes.length]];
    assert.ok(source && target);
    return { tenant, slot, source, target, sourceId: await idOf(source), targetId: await idOf(target) };
  }

  /** Half of what moving a slot does: from here on a key is in one place or the other. */
  async function beginToMove({
    slot,
    source,
    target,
    sourceId,
    targetId,
  }: Awaited<ReturnType<typeof place>>) {
    await target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", sourceId);
    await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", targetId);
  }

  async function moveKey({ source, target }: Awaited<ReturnType<typeof place>>, key: string) {
    const { host = "", port = 0 } = target.options;
    await source.migrate(host, port, key, 0, 5000);
  }

  const ways: [name: string, redis: () => TenantCacheOptions["redis"]][] = [
    ["the cache's own client", () => ({ cluster: cluster.nodes })],
    [
      "a client of the user's",
      () => {
        const client = new Cluster([...cluster.nodes]);
        cleanups.push(() => client.disconnect());
        return client;
      },
    ],
  ];

  for (const [index, [name, redis]] of ways.entries()) {
    test(`half-migrated: one tenant goes to its handler, the others are served, and changes reach all (${name})`, async () => {
      const watched = openWatched({ redis: redis(), keyPrefix: "", budgetMs: 2000, local: { maxBytes: 0 } });
      const { cache, lines } = watched;
      cleanups.push(() => cache.close());
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      const versions = new Map<string, number>();
      const app = await serve((express) => {
        const of = (tenant = "") => versions.get(tenant) ?? 0;
        express.get(
          "/list",
          cache.cacheList("accounts"),
          (req, res) => void res.json(of(req.get("x-tenant"))),
        );
        express.get("/contacts", cache.cacheList("contacts"), (_req, res) => void res.json([]));
        express.post("/list", cache.invalidateCache("accounts", "contacts"), (req, res) => {
          const tenant = req.get("x-tenant") ?? "";
          versions.set(tenant, of(tenant) + 1);
          res.sendStatus(201);
        });
      });
      cleanups.push(() => app.close());
      const read = async (tenant: string) => {
        const { body, cache: how } = await app.request("/list", { tenant });
        assert.equal(Number(body), versions.get(tenant) ?? 0, `${tenant} is fresh`);
        return how;
      };
      const write = (tenant: string) => app.request("/list", { tenant, method: "POST" });
      const moved = await place(`moved-${index}`);
      const others = ["acme", "globex", "initech"];
      for (const tenant of [moved.tenant, ...others]) {
        await write(tenant);
        await read(tenant);
        await cache.idle();
        assert.equal(await read(tenant), "hit");
      }

      await beginToMove(moved);
      // One fence is there, the other one and the entry are here.
      await moveKey(moved, `fence:{${moved.tenant}}:accounts`);
      const passes = watched.passes();
      for (let round = 0; round < 40; round++) {
        assert.notEqual(await read(moved.tenant), "hit");
        for (const tenant of others) {
          assert.equal(await read(tenant), "hit", "one slot's trouble is not theirs");
          if (round % 10 === 9) {
            assert.equal((await write(tenant)).status, 201);
            await read(tenant);
            await cache.idle();
          }
        }
        if (round % 10 === 5) assert.equal((await write(moved.tenant)).status, 201);
        assert.equal(cache.health().circuit, "closed");
      }
      assert.equal(watched.passes(), passes, "it never had to come back");
      assert.match(cache.health().reason ?? "", /^(TRYAGAIN|ASK)/);
      // Each fence is replaced where it is; at once, unless the machine is busy.
      while (cache.health().pendingInvalidations > 0) await new Promise(setImmediate);
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(
        lines[0] ?? "",
        /part of the store away \((TRYAGAIN|ASK) .*\); requests of the tenants in it/,
      );
      assert.doesNotMatch(lines.join("\n"), /moved-|fence:/);

      // The move is completed, as redis-cli does it.
      const keys = (await moved.source.call("CLUSTER", "GETKEYSINSLOT", moved.slot, 100)) as string[];
      for (const key of keys) await moveKey(moved, key);
      for (const node of [moved.target, moved.source])
        await node.call("CLUSTER", "SETSLOT", moved.slot, "NODE", moved.targetId);
      await read(moved.tenant);
      await cache.idle();
      while ((await read(moved.tenant)) !== "hit") await cache.idle();
      await write(moved.tenant);
      await read(moved.tenant);
    });
  }

  test("a slot that nobody serves: changes of its tenants wait, and nobody else's", async () => {
    const lost = await place("lost-slot");
    for (const node of nodes) await node.config("SET", "cluster-require-full-coverage", "no");
    const { cache, lines } = openWatched({ redis: { cluster: cluster.nodes }, budgetMs: 2000 });
    cleanups.push(() => cache.close());
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    assert.equal(await cache.invalidateAllTenant(lost.tenant), true);
    for (const node of nodes) await node.call("CLUSTER", "DELSLOTS", lost.slot).catch(() => undefined);
    assert.equal(await cache.invalidateAllTenant(lost.tenant), false);
    assert.equal(cache.health().circuit, "closed");
    assert.equal(cache.health().pendingInvalidations, 1);
    assert.equal(await cache.invalidateAllTenant("acme"), true, "another tenant's is confirmed");
    assert.equal(await cache.manager.tenant(lost.tenant).get("users:1"), undefined);
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(
      lines[0] ?? "",
      /part of the store away \(CLUSTERDOWN (?:Hash slot not served|a slot is served by no node)\)/,
    );
    for (const node of nodes) await node.call("CLUSTER", "ADDSLOTS", lost.slot).catch(() => undefined);
    while (cache.health().pendingInvalidations > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(cache.health().replayedInvalidations, 1);
    assert.equal(await cache.invalidateAllTenant(lost.tenant), true);
  });

  test("a node that is passed as a single server: said once, with what to pass", async () => {
    const [server] = cluster.servers;
    assert.ok(server);
    const { cache, lines, probes, passes } = openWatched({ redis: server.url, budgetMs: 2000 });
    cleanups.push(() => cache.close());
    while (probes() < 5) {
      await cache.invalidateAllTenant("acme");
      await new Promise(setImmediate);
    }
    assert.equal(passes(), 0);
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(
      lines[0] ?? "",
      /store away \(.*the server is a node of a Redis Cluster: pass redis: \{ cluster: /,
    );
  });
});
