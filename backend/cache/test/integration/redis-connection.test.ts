// Ways to reach Redis, and what the cache leaves in it: names, commands, nothing else.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { CERTIFICATE, startTcpProxy } from "../../../servers/index.js";
import type { Logger, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { createTenantCache } from "../../src/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect as connectStore } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "../support/caches.js";
import { redisOfFile } from "../support/redis-of-file.js";
import { serveVersioned } from "../support/versioned-app.js";

describe("the connection to Redis", () => {
  const ofFile = redisOfFile();

  function connectBy(redis: TenantCacheOptions["redis"], logger: Logger = quiet): TenantCache {
    const tenant = randomUUID();
    return createTenantCache({ redis, tenant: () => tenant, logger, local: { maxBytes: 0 }, ...PATIENT });
  }

  /** How a list is answered the second time. */
  async function secondRead(cache: TenantCache): Promise<string> {
    const { app, read } = await serveVersioned(cache);
    try {
      await read();
      await cache.idle();
      return (await read()).cache;
    } finally {
      await app.close();
    }
  }

  async function serves(redis: TenantCacheOptions["redis"], logger: Logger = quiet): Promise<void> {
    const cache = connectBy(redis, logger);
    try {
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal(await secondRead(cache), "hit");
    } finally {
      await cache.close();
    }
  }

  /** Resolves with all that the log says once it was tried so often; requests are answered without the store. */
  async function isRefused(redis: TenantCacheOptions["redis"], tries: number): Promise<string[]> {
    const lines: string[] = [];
    const cache = connectBy(redis, { ...quiet, warn: (line) => void lines.push(line) });
    try {
      while (lines.length === 0 || cache.health().reconnectAttempts < tries) await delay(10);
      assert.equal(await secondRead(cache), "fwd=bypass; detail=store-unavailable");
      return lines;
    } finally {
      await cache.close();
    }
  }

  test("a URL with a database, and with an ACL user and password", async () => {
    await serves(`${ofFile.server.url}/3`);
    await ofFile.admin.call(
      "ACL",
      "SETUSER",
      "cache",
      "on",
      ">secret",
      "~*",
      "&*",
      "+@all",
      "-@dangerous",
      "+info",
    );
    const withUser = (password: string) =>
      `redis://cache:${password}@${ofFile.server.host}:${ofFile.server.port}`;
    await serves(withUser("secret"));
    const lines = await isRefused(withUser("wrong"), 3);
    assert.equal(lines.length, 1, "one line, however often it was tried");
    assert.match(lines[0] ?? "", /WRONGPASS/);
    assert.doesNotMatch(lines[0] ?? "", /wrong@/);
  });

  test("a user who may not ask the server who it is: one line says what that costs, and what to allow", async () => {
    await ofFile.admin.call("ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all", "-info");
    const lines: string[] = [];
    const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
    await serves(`redis://mute:secret@${ofFile.server.host}:${ofFile.server.port}`, logger);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /INFO does not say which server it is.*\+info/);
  });

  test("TLS by options", async () => {
    const { port, close } = await startTcpProxy(ofFile.server.port, { speaksTls: true });
    try {
      await serves({ host: "localhost", port, tls: { ca: CERTIFICATE } });
      const [line] = await isRefused({ host: "localhost", port, tls: {} }, 3);
      assert.match(line ?? "", /certificate/, "an unknown one is not trusted");
    } finally {
      await close();
    }
  });

  test("a client of the user's own, of this or the previous major, is used as it is and left open", async () => {
    // Not widened: what users pass must fit the option's type.
    const clients = [new Redis(ofFile.server.url), new Redis5(ofFile.server.url)];
    for (const client of clients) {
      await serves(client);
      assert.equal(client.status, "ready");
      client.disconnect();
    }
    const cluster: TenantCacheOptions["redis"] = new Cluster([], { lazyConnect: true });
    assert.ok(cluster);
  });

  test("a connection of its own that ioredis has given up is made again; after close it is not", async () => {
    const connection = connectStore(ofFile.server.url);
    const store = new RedisStore(connection, new KeySpace("", false));
    let ups = 0;
    store.listen({ up: () => ups++, down: () => undefined });
    while (ups < 1) await new Promise(setImmediate);
    connection.client.disconnect();
    while (ups < 2) await delay(20);
    await store.ping();
    await store.close();
    while (connection.client.status !== "end") await new Promise(setImmediate);
    // Long enough for a connection that were made again.
    await delay(400);
    assert.equal(connection.client.status, "end");
  });

  test("clients and options that would mislead it are refused", () => {
    const make = (redis: unknown) =>
      createTenantCache({ redis: redis as string, tenant: () => undefined, logger: quiet });
    const prefixed = new Redis(ofFile.server.url, { keyPrefix: "app:", lazyConnect: true });
    assert.throws(() => make(prefixed), { code: "ETC_REDIS_KEY_PREFIX" });
    assert.throws(() => make(42), { code: "ETC_REDIS_CLIENT" });
  });

  test("entries have exactly the documented names; nothing is left without an expiry", async () => {
    await ofFile.admin.flushall();
    const tenant = "0190b5a4-6b1e-7c3a-9d2f-4e5a6b7c8d9e";
    const options = { redis: ofFile.server.url, tenant: () => tenant.toUpperCase(), logger: quiet };
    const cache = createTenantCache({ ...options, ...PATIENT });
    assert.ok(await cache.ready(READY_WITHIN_MS));
    const { app, read, write } = await serveVersioned(cache);
    await read();
    await cache.idle();
    const names = (await ofFile.admin.keys("*")).sort();
    const [fence, moduleFence, generations, index, ledger, entry] = names;
    assert.equal(names.length, 6, names.join("\n"));
    assert.deepEqual([fence, moduleFence], [`fence:${tenant}`, `fence:${tenant}:accounts`]);
    assert.equal(generations, `generations:${tenant}`);
    assert.match(index ?? "", new RegExp(`^index:${tenant}:accounts:`));
    assert.equal(ledger, `ledger:${tenant}`);
    assert.match(entry ?? "", new RegExp(`^tenant:${tenant}:accounts:list:[0-9a-f]{32}$`));
    for (const name of names) assert.ok((await ofFile.admin.pttl(name)) > 0, name);
    await write();
    await cache.idle();
    assert.equal(await ofFile.admin.exists(entry ?? ""), 0, "swept");
    await app.close();
    await cache.close();
  });

  test("a purge is UNLINK, and SCAN where it is of all tenants, never KEYS", async () => {
    await ofFile.admin.config("RESETSTAT");
    const cache = createTenantCache({
      redis: ofFile.server.url,
      tenant: () => "t",
      logger: quiet,
      ...PATIENT,
    });
    assert.ok(await cache.ready(READY_WITHIN_MS));
    const { app, read, write } = await serveVersioned(cache);
    for (let page = 0; page < 5; page++) await read(`/list?page=${page}`);
    await cache.idle();
    await write();
    await cache.idle();
    // The indexes list what a module's entries are.
    const ofModule = await ofFile.admin.info("commandstats");
    assert.match(ofModule, /cmdstat_unlink:/);
    assert.doesNotMatch(ofModule, /cmdstat_scan:/);
    await cache.clear();
    await cache.idle();
    const stats = await ofFile.admin.info("commandstats");
    assert.match(stats, /cmdstat_scan:/);
    assert.doesNotMatch(stats, /cmdstat_(keys|del|flushall|flushdb):/);
    await app.close();
    await cache.close();
  });
});
