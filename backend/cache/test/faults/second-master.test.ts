// Two masters for a time: what the replaced one has confirmed is repeated on the new one by whoever moves there.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer, startTcpProxy, type TcpProxy } from "../../../servers/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { serveVersioned } from "../support/versioned-app.js";

const KEY_PREFIX = "second:";

interface TwoMasters {
  readonly replaced: RedisServer;
  readonly successor: RedisServer;
  /** What a process that has not heard of the failover connects through: it leads to the replaced one. */
  readonly way: TcpProxy;
}

/** A master, and a replica of it that is promoted while the master goes on. */
async function startTwoMasters(): Promise<TwoMasters> {
  const args = ["--repl-diskless-sync-delay", "0"];
  const [replaced, successor] = await Promise.all([startRedisServer({ args }), startRedisServer({ args })]);
  const way = await startTcpProxy(replaced.port);
  const admin = new Redis(successor.url);
  closeAfterTest({
    async close() {
      admin.disconnect();
      await way.close();
      await Promise.all([replaced.stop(), successor.stop()]);
    },
  });
  await admin.replicaof("127.0.0.1", replaced.port);
  while (!/^master_link_status:up/m.test(await admin.info("replication"))) await delay(5);
  await admin.replicaof("NO", "ONE");
  return { replaced, successor, way };
}

async function open(port: number, truth: { version: number }, guard = false) {
  const redis = { host: "127.0.0.1", port };
  const cache = await openCache("redis", { redis, keyPrefix: KEY_PREFIX });
  const versioned = await serveVersioned(cache, { truth, write: { guard } });
  closeAfterTest(cache, versioned.app);
  return { cache, ...versioned };
}

/** Resolves when the process uses the server that the way leads to now. */
async function move(
  { way, successor }: TwoMasters,
  cache: Awaited<ReturnType<typeof openCache>>,
): Promise<void> {
  const lost = new Promise<void>((resolve) => {
    const look = () => (cache.health().connected ? setImmediate(look) : resolve());
    look();
  });
  way.leadTo(successor.port);
  await lost;
  assert.equal(await cache.ready(READY_WITHIN_MS), true);
}

describe("a master that goes on after its replacement", () => {
  for (const guard of [false, true]) {
    test(`a write that it confirmed is seen on the new one once its process has moved (guard: ${guard})`, async () => {
      const servers = await startTwoMasters();
      const truth = { version: 0 };
      const writer = await open(servers.way.port, truth, guard);
      const reader = await open(servers.successor.port, truth);
      await reader.read();
      await reader.cache.idle();
      assert.equal((await reader.read()).cache, "hit");
      assert.equal((await writer.write()).status, 201);
      assert.equal(writer.cache.health().pendingInvalidations, 0, "confirmed, by the replaced one");

      await move(servers, writer.cache);
      const { version, cache } = await reader.read();
      assert.deepEqual([version, cache === "hit"], [1, false]);
      assert.equal((await writer.read()).version, 1);
      await reader.cache.idle();
      assert.equal((await reader.read()).cache, "hit", "repeated once");
    });
  }

  test("so is what the toolkit has changed", async () => {
    const servers = await startTwoMasters();
    const [writer, reader] = [
      await open(servers.way.port, { version: 0 }),
      await open(servers.successor.port, { version: 0 }),
    ];
    const [there, here] = [writer, reader].map(({ cache }) => cache.manager.tenant("t"));
    assert.ok(there && here);
    for (const key of ["users:1", "users:2"]) await here.set(key, "before", { ttlSeconds: 60 });
    await there.set("users:1", "after", { ttlSeconds: 60 });
    await there.delete("users:2");
    await move(servers, writer.cache);
    for (const key of ["users:1", "users:2"]) assert.equal(await here.get(key), undefined, key);
  });

  test("a connection that is lost and leads to the same server again invalidates nothing", async () => {
    const servers = await startTwoMasters();
    const truth = { version: 0 };
    const writer = await open(servers.way.port, truth);
    assert.equal((await writer.write()).status, 201);
    await writer.read();
    await writer.cache.idle();
    await move({ ...servers, successor: servers.replaced }, writer.cache);
    assert.equal((await writer.read()).cache, "hit");
  });
});
