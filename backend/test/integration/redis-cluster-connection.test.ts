// Connecting to a Redis Cluster by the names of its nodes, with TLS: the name is what the certificate is compared with.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTenantCache } from "express-tenant-cache";
import { type RedisCluster, startRedisCluster } from "../../servers/redis-cluster.js";
import { CERT_FILE, clientTls, KEY_FILE } from "../../servers/redis-tls.js";
import { openRedis } from "../../state/open-redis.js";
import { PATIENT, quiet } from "../support/caches.js";
import { serversAt } from "../support/servers-at.js";

describe("a Cluster by the name of a node, with TLS", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster({ tls: true });
  });
  afterAll(() => cluster.stop());

  /** Accepts every certificate, and notes the name that it was to have. */
  function noting() {
    const { servername: _expected, ...tls } = clientTls();
    const names = new Set<string>();
    const checkServerIdentity = (name: string) => void names.add(name);
    return { names, tls: { ...tls, checkServerIdentity } };
  }
  const port = () => cluster.nodes[0]?.port ?? 0;

  test("the cache's connection keeps the name", async () => {
    const { names, tls } = noting();
    const cache = createTenantCache({
      redis: { cluster: [{ host: "localhost", port: port() }], redisOptions: { tls } },
      tenant: () => undefined,
      ...PATIENT,
      logger: quiet,
    });
    assert.ok(await cache.ready(60_000));
    await cache.close();
    assert.ok(names.has("localhost"), [...names].join());
  });

  test("the state's connection keeps the name", async () => {
    const { names, tls } = noting();
    const files = { TLS_CA_FILE: CERT_FILE, TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: KEY_FILE };
    const servers = serversAt(`rediss+cluster://localhost:${port()}`, files);
    const client = openRedis(
      { ...servers, options: { ...servers.options, tls } },
      { enableOfflineQueue: true, maxRetriesPerRequest: null, connectionName: "test" },
    );
    client.on("error", () => undefined);
    assert.equal(await client.ping(), "PONG");
    client.disconnect();
    assert.ok(names.has("localhost"), [...names].join());
  });
});
