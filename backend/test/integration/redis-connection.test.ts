// Ways to reach Redis, and what the cache leaves in it: names, commands, nothing else.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { createServer } from "node:tls";
import { Cluster, Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import type { Logger, TenantCacheOptions } from "../../cache/index.js";
import { createTenantCache } from "../../cache/index.js";
import { KeySpace } from "../../cache/store/key-space.js";
import { connect as connectStore } from "../../cache/store/redis/connect.js";
import { RedisStore } from "../../cache/store/redis/redis-store.js";
import { projectFile } from "../../project-root.js";
import { type RedisServer, startRedisServer } from "../services/index.js";
import { quiet } from "../support/caches.js";
import { serveVersioned } from "../support/versioned-app.js";

describe("the connection to Redis", () => {
  let server: RedisServer;
  let admin: Redis;

  before(async () => {
    server = await startRedisServer();
    admin = new Redis(server.url);
  });
  after(async () => {
    admin.disconnect();
    await server.stop();
  });

  /** Whether a list is a hit the second time through a cache that is connected so. */
  async function serves(redis: TenantCacheOptions["redis"], logger: Logger = quiet): Promise<boolean> {
    const tenant = randomUUID();
    const cache = createTenantCache({ redis, tenant: () => tenant, logger, local: { maxBytes: 0 } });
    const isReady = await cache.ready(3000);
    const { app, read } = await serveVersioned(cache);
    await read();
    await cache.idle();
    const { cache: status } = await read();
    await app.close();
    await cache.close();
    return isReady && status === "hit";
  }

  test("a URL with a database, and with an ACL user and password", async () => {
    assert.equal(await serves(`${server.url}/3`), true);
    await admin.call("ACL", "SETUSER", "cache", "on", ">secret", "~*", "&*", "+@all", "-@dangerous", "+info");
    const withUser = (password: string) => `redis://cache:${password}@${server.host}:${server.port}`;
    assert.equal(await serves(withUser("secret")), true);
    const lines: string[] = [];
    const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
    assert.equal(await serves(withUser("wrong"), logger), false);
    assert.equal(lines.length, 1, "one line, however often it was tried");
    assert.match(lines[0] ?? "", /WRONGPASS/);
    assert.doesNotMatch(lines[0] ?? "", /wrong@/);
  });

  test("a user who may not ask the server who it is: one line says what that costs, and what to allow", async () => {
    await admin.call("ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all", "-info");
    const lines: string[] = [];
    const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
    assert.equal(await serves(`redis://mute:secret@${server.host}:${server.port}`, logger), true);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /INFO does not say which server it is.*\+info/);
  });

  test("TLS by options", async () => {
    const file = (name: string) => readFileSync(projectFile("backend/test/support/tls", name));
    const cert = file("cert.pem");
    const terminator = createServer({ cert, key: file("key.pem") }, (client) => {
      const upstream = connect(server.port, server.host);
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on("error", () => undefined);
    });
    terminator.listen(0, "127.0.0.1");
    await once(terminator, "listening");
    const { port } = terminator.address() as AddressInfo;
    assert.equal(await serves({ host: "localhost", port, tls: { ca: cert } }), true);
    assert.equal(
      await serves({ host: "localhost", port, tls: {} }),
      false,
      "an unknown certificate is not trusted",
    );
    terminator.close();
  });

  test("a client of the user's own, of this or the previous major, is used as it is and left open", async () => {
    // Not widened: what users pass must fit the option's type.
    const clients = [new Redis(server.url), new Redis5(server.url)];
    for (const client of clients) {
      assert.equal(await serves(client), true);
      assert.equal(client.status, "ready");
      client.disconnect();
    }
    const cluster: TenantCacheOptions["redis"] = new Cluster([], { lazyConnect: true });
    assert.ok(cluster);
  });

  test("a connection of its own that ioredis has given up is made again; after close it is not", async () => {
    const connection = connectStore(server.url);
    const store = new RedisStore(connection, new KeySpace("", false));
    let ups = 0;
    store.listen({ up: () => ups++, down: () => undefined });
    while (ups < 1) await new Promise(setImmediate);
    connection.client.disconnect();
    while (ups < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await store.ping();
    await store.close();
    while (connection.client.status !== "end") await new Promise(setImmediate);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(connection.client.status, "end");
  });

  test("clients and options that would mislead it are refused", () => {
    const make = (redis: unknown) =>
      createTenantCache({ redis: redis as string, tenant: () => undefined, logger: quiet });
    const prefixed = new Redis(server.url, { keyPrefix: "app:", lazyConnect: true });
    assert.throws(() => make(prefixed), { code: "ETC_REDIS_KEY_PREFIX" });
    assert.throws(() => make(42), { code: "ETC_REDIS_CLIENT" });
  });

  test("entries have exactly the documented names; nothing is left without an expiry", async () => {
    await admin.flushall();
    const tenant = "0190b5a4-6b1e-7c3a-9d2f-4e5a6b7c8d9e";
    const cache = createTenantCache({ redis: server.url, tenant: () => tenant.toUpperCase(), logger: quiet });
    await cache.ready();
    const { app, read, write } = await serveVersioned(cache);
    await read();
    await cache.idle();
    const names = (await admin.keys("*")).sort();
    const [fence, moduleFence, generations, index, entry] = names;
    assert.equal(names.length, 5, names.join("\n"));
    assert.deepEqual([fence, moduleFence], [`fence:${tenant}`, `fence:${tenant}:accounts`]);
    assert.equal(generations, `generations:${tenant}`);
    assert.match(index ?? "", new RegExp(`^index:${tenant}:accounts:`));
    assert.match(entry ?? "", new RegExp(`^tenant:${tenant}:accounts:list:[0-9a-f]{32}$`));
    for (const name of names) assert.ok((await admin.pttl(name)) > 0, name);
    await write();
    await cache.idle();
    assert.equal(await admin.exists(entry ?? ""), 0, "swept");
    await app.close();
    await cache.close();
  });

  test("a purge is SCAN and UNLINK, never KEYS", async () => {
    await admin.config("RESETSTAT");
    const cache = createTenantCache({ redis: server.url, tenant: () => "t", logger: quiet });
    await cache.ready();
    const { app, read, write } = await serveVersioned(cache);
    for (let page = 0; page < 5; page++) await read(`/list?page=${page}`);
    await cache.idle();
    await write();
    await cache.idle();
    const stats = await admin.info("commandstats");
    assert.match(stats, /cmdstat_scan:/);
    assert.match(stats, /cmdstat_unlink:/);
    assert.doesNotMatch(stats, /cmdstat_(keys|del|flushall|flushdb):/);
    await app.close();
    await cache.close();
  });
});
