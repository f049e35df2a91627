// A database that the server refuses is not replaced by database 0, where another app's entries are.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { type RedisCluster, startRedisCluster } from "../../../servers/redis-cluster.js";
import { createTenantCache, type TenantCacheOptions } from "../../src/index.js";
import { quiet } from "../support/caches.js";
import { serveVersioned } from "../support/versioned-app.js";

describe("a refused SELECT", () => {
  let server: RedisServer;
  let cluster: RedisCluster;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedisServer({ args: ["--databases", "1"] });
    cluster = await startRedisCluster();
    admin = new Redis(server.url);
    await admin.call("ACL", "SETUSER", "narrow", "on", ">secret", "~*", "&*", "+@all", "-select");
  });
  afterAll(async () => {
    admin.disconnect();
    await Promise.all([server.stop(), cluster.stop()]);
  });

  const own: { disconnect(): void }[] = [];
  afterAll(() => {
    for (const client of own) client.disconnect();
  });
  function kept<Client extends { disconnect(): void }>(client: Client): Client {
    own.push(client);
    return client;
  }

  const ways: [name: string, redis: () => TenantCacheOptions["redis"], says: RegExp][] = [
    ["a URL", () => `${server.url}/1`, /SELECT 1 was refused \(ERR DB index is out of range\)/],
    ["options", () => ({ host: server.host, port: server.port, db: 2 }), /SELECT 2 was refused/],
    ["a client", () => kept(new Redis(server.url, { db: 1 })), /SELECT 1 was refused/],
    ["a client of the previous major", () => kept(new Redis5(server.url, { db: 1 })), /SELECT 1 was refused/],
    [
      "a user who may not choose",
      () => `redis://narrow:secret@${server.host}:${server.port}/1`,
      /SELECT 1 was refused \(NOPERM .*select/,
    ],
    [
      "a Cluster, which has one database",
      () => ({ cluster: cluster.nodes, redisOptions: { db: 1 } }),
      /SELECT 1 was refused \(ERR SELECT is not allowed in cluster mode/,
    ],
  ];
  for (const [name, redis, says] of ways) {
    test(`${name}: nothing is read or stored, and one line says what to do`, async () => {
      const lines: string[] = [];
      const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
      const cache = createTenantCache({ redis: redis(), tenant: () => "t", logger, budgetMs: 5000 });
      const { app, read, write } = await serveVersioned(cache);
      // Until the server has refused, a read may wait for it.
      while (cache.health().reason?.includes("SELECT") !== true) await read();
      for (let round = 0; round < 5; round++)
        assert.equal((await read()).cache, "fwd=bypass; detail=store-unavailable");
      assert.equal((await write()).status, 201);
      assert.equal(await admin.dbsize(), 0, "nothing in database 0");
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", says);
      assert.match(lines[0] ?? "", /give each app a keyPrefix of its own/);
      await app.close();
      await cache.close();
    });
  }

  test("database 0 is used, and by two apps with a keyPrefix each", async () => {
    for (const keyPrefix of ["one:", "two:"]) {
      const cache = createTenantCache({
        redis: `${server.url}/0`,
        keyPrefix,
        tenant: () => "t",
        budgetMs: 5000,
        logger: quiet,
      });
      const { app, read } = await serveVersioned(cache);
      assert.equal((await read()).cache, "fwd=miss; stored");
      await cache.idle();
      assert.equal((await read()).cache, "hit");
      await app.close();
      await cache.close();
    }
  });
});
