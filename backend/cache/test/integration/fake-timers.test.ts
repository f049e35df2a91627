// An app's tests under fake timers, as Jest, Vitest and Sinon make them: nothing hangs, deadlines stay, and entries age by the fake date.
import assert from "node:assert/strict";
import { type EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type Clock, type Config, install } from "@sinonjs/fake-timers";
import express from "express";
import { sharedRedisUrl } from "../../../servers/index.js";
import { startTcpProxy, type TcpProxy } from "../../../servers/tcp-proxy.js";
import type { TenantCache } from "../../src/index.js";
import { connect } from "../../src/store/redis/connect.js";
import { openCache, READY_WITHIN_MS, STORES, type StoreName } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";

const TTL_SECONDS = 180;

/** What Vitest replaces by default, and Jest beside `process.nextTick` of its sandbox: everything that Node itself does not run by. */
const AS_VITEST: Config = { toNotFake: ["nextTick", "queueMicrotask"], now: Date.now() };

interface World {
  readonly cache: TenantCache;
  readonly app: HttpApp;
  readonly clock: Clock;
  /** How often the handler ran. */
  readonly runs: () => number;
}

/** Runs with fake timers that were installed once the app was up, and closes the cache under them. */
async function underFakeTimers(store: StoreName, work: (world: World) => Promise<void>): Promise<void> {
  const cache = await openCache(store);
  let runs = 0;
  const slow = gate();
  const app = await serve((express) => {
    express.get("/items", cache.cacheList("items", TTL_SECONDS), (_req, res) => res.json({ run: ++runs }));
    express.get("/slow", cache.cacheList("items", TTL_SECONDS), async (_req, res) => {
      runs++;
      await slow.passed;
      res.json({});
    });
    express.get("/open", (_req, res) => {
      slow.open();
      res.end();
    });
    express.get(
      "/stale",
      cache.cacheList("items", { ttlSeconds: 1, staleWhileRevalidate: 600 }),
      (_req, res) => res.json({ run: ++runs }),
    );
    express.post("/items", cache.invalidateCache("items"), (_req, res) => res.sendStatus(204));
    express.post("/guarded", cache.invalidateCache({ modules: ["items"], guard: true }), (_req, res) =>
      res.sendStatus(204),
    );
  });
  const clock = install(AS_VITEST);
  try {
    await work({ cache, app, clock, runs: () => runs });
    await cache.idle();
    await cache.close();
  } finally {
    clock.uninstall();
    await app.close();
  }
}

for (const store of STORES)
  describe(`under fake timers, ${store}`, () => {
    test("hits, misses, followers, mutations, guards and background refreshes go on", () =>
      underFakeTimers(store, async ({ app, cache, clock, runs }) => {
        const seen = async (path: string, method = "GET") => (await app.request(path, { method })).cache;
        assert.equal(await seen("/items"), "fwd=miss; stored");
        await cache.idle();
        assert.equal(await seen("/items"), "hit");
        assert.equal(await seen("/items"), "hit");
        await seen("/items", "POST");
        assert.equal(await seen("/items"), "fwd=miss; stored");
        await seen("/guarded", "POST");
        assert.equal(await seen("/items"), "fwd=miss; stored");
        const before = runs();
        const both = [seen("/slow"), seen("/slow")];
        await seen("/open");
        assert.deepEqual((await Promise.all(both)).sort(), ["fwd=miss; collapsed", "fwd=miss; stored"]);
        assert.equal(runs(), before + 1);
        await seen("/stale");
        await cache.idle();
        clock.setSystemTime(clock.now + 2000);
        const refreshedFrom = runs();
        assert.match(await seen("/stale"), /^hit/, "old, and refreshed behind it");
        await cache.idle();
        assert.equal(runs(), refreshedFrom + 1);
      }));

    test("the lane", async () => {
      const cache = await openCache(store);
      const app = express();
      let dispatched = 0;
      app.get("/items", cache.cacheList("items", TTL_SECONDS), (_req, res) => res.json({}));
      const counted = (req: IncomingMessage, res: ServerResponse) => {
        dispatched++;
        app(req, res);
      };
      const identify = (req: IncomingMessage) => ({ tenant: String(req.headers["x-tenant"]) });
      const server = createServer(cache.lane(counted, { identify }));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as AddressInfo;
      const clock = install(AS_VITEST);
      try {
        const seen: (string | null)[] = [];
        for (let time = 0; time < 3; time++) {
          const headers = { "x-tenant": "tenant-1" };
          const answer = await fetch(`http://127.0.0.1:${port}/items`, { headers });
          seen.push((await answer.text()) && answer.headers.get("cache-status"));
          await cache.idle();
        }
        assert.match(seen.join(" "), /stored .*; hit; .*; hit;/);
        assert.equal(dispatched, 1, "the others have not gone to the app");
        await cache.close();
      } finally {
        clock.uninstall();
        server.closeAllConnections();
        await once(server.close(), "close");
      }
    });

    test("a date that is turned forward, and timers that are, expire entries, and nothing else", () =>
      underFakeTimers(store, async ({ app, cache, clock, runs }) => {
        for (const turn of [
          () => clock.setSystemTime(clock.now + (TTL_SECONDS + 1) * 1000),
          () => void clock.tick((TTL_SECONDS + 1) * 1000),
          () => void clock.tick(86_400_000),
        ]) {
          const before = runs();
          // What is under way for the cache at this moment (the entry's way to the store) must not be taken for silence.
          const first = await app.request("/items");
          turn();
          const again = await app.request("/items");
          assert.deepEqual([first.cache, again.cache], ["fwd=miss; stored", "fwd=miss; stored"]);
          await cache.idle();
          assert.equal((await app.request("/items")).cache, "hit");
          assert.equal(runs(), before + 2);
          await app.request("/items", { method: "POST" });
        }
        assert.equal(cache.health().circuit, "closed");
      }));

    test("the toolkit", () =>
      underFakeTimers(store, async ({ cache, clock }) => {
        const space = cache.manager.tenant("tenant-1");
        assert.equal(await space.set("users:1", "Ada", 60), true);
        assert.equal(await space.get("users:1"), "Ada");
        const load = gate();
        const loads = [1, 2].map((turn) =>
          space.getOrSet("users:2", async () => {
            await load.passed;
            return turn;
          }),
        );
        load.open();
        assert.deepEqual(await Promise.all(loads), [1, 1]);
        assert.equal(await space.update("users:2", () => 3), 3);
        assert.deepEqual(await space.mGet(["users:1", "users:2"]), ["Ada", 3]);
        const held = gate();
        const first = space.withLock("users:lock", {}, () => held.passed);
        const second = space.withLock("users:lock", { waitMs: 60_000 }, () => "second");
        clock.tick(30_000);
        held.open();
        await first;
        assert.equal(await second, "second");
        assert.equal(await space.increment("users:visits", 1, { ttlSeconds: 60 }), 1);
        if (store === "memory") {
          clock.tick(61_000);
          assert.equal(await space.count("users:visits"), undefined, "as in Redis, by the wall clock");
          assert.equal(await space.get("users:1"), undefined);
        }
        assert.equal((await space.deletePattern("users:*")).confirmed, true);
        assert.equal((await cache.stats()).totals.errors, 0);
      }));
  });

describe("the connection to Redis under fake timers", () => {
  let proxy: TcpProxy;
  let url: string;
  let clock: Clock;

  beforeAll(async () => {
    proxy = await startTcpProxy(Number(new URL(await sharedRedisUrl()).port));
    url = `redis://127.0.0.1:${proxy.port}`;
  });
  afterAll(() => proxy.close());

  test("is made again where it was lost", async () => {
    const cache = await openCache("redis", { redis: url });
    const space = cache.manager.tenant("tenant-1");
    clock = install(AS_VITEST);
    try {
      proxy.cut();
      assert.equal(await space.set("users:1", "Ada"), false);
      proxy.heal();
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal(await space.set("users:1", "Ada"), true);
    } finally {
      clock.uninstall();
      await cache.close();
    }
  });

  test("is given up where it falls silent, by a clock that is not turned", async () => {
    const { client, direct: reads } = connect(url);
    await once(client as unknown as EventEmitter, "ready");
    clock = install(AS_VITEST);
    try {
      proxy.stall();
      let isGivenUp = false;
      const givenUp = once(client as unknown as EventEmitter, "error").then(([error]) => {
        isGivenUp = true;
        return error;
      });
      const answer = client.info("server");
      clock.tick(3_600_000);
      await nextTurn();
      assert.equal(isGivenUp, false);
      assert.match(String(await givenUp), /no answer within 5000 ms/);
      await assert.rejects(answer);
    } finally {
      clock.uninstall();
      proxy.heal();
      client.disconnect();
      reads?.close();
    }
  });
});

test("the toolkit in process goes on under fake timers that take process.nextTick, too, which sockets need", async () => {
  const cache = await openCache("memory");
  const space = cache.manager.tenant("tenant-1");
  const clock = install();
  try {
    assert.equal(await space.set("users:1", "Ada", 60), true);
    assert.equal(await space.get("users:1"), "Ada");
    assert.equal(await space.getOrSet("users:2", () => 2), 2);
    assert.equal(await cache.invalidateTenantCache("tenant-1", "users"), true);
    assert.equal(await space.get("users:1"), undefined);
    await cache.idle();
    await cache.close();
  } finally {
    clock.uninstall();
  }
});
