// The feed on a Redis Cluster: each master has a token of its own, by its own clock, and a master that is lost has none.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

/** The default, 250 ms, is too short for a turn on a busy machine: a turn is several round trips to each master. */
const X_MS = 1000;
const LATER_MS = X_MS + 30;
/** In slots of different masters. */
const TENANTS = ["t0", "t1", "t2", "t3", "t4", "t5"];

test("tenants of every master hit, see what was written past the API, and miss where the cluster is flushed", async () => {
  const cluster = await startRedisCluster();
  afterTest(() => cluster.stop());
  const database = await openFeedDatabase({ probeMs: 0, maxDelayMs: X_MS });
  await database.pool.query(
    "INSERT INTO orders SELECT 100 + n, 't' || n, NULL, 0 FROM generate_series(2, 5) n",
  );
  const redis = { cluster: cluster.nodes };
  const app = await openFeedApp({ store: "redis-only", beside: database, cache: { redis } });
  for (const tenant of TENANTS) await app.warm("/orders", tenant);
  for (let total = 1; total < 4; total++) {
    await app.pool.query("UPDATE orders SET total = $1", [total]);
    await delay(LATER_MS);
    for (const tenant of TENANTS)
      assert.match((await app.read("/orders", tenant)).body, new RegExp(`"total":${total}\\b`));
    for (const tenant of TENANTS) await app.warm("/orders", tenant);
  }
  for (const { host, port } of cluster.nodes) {
    const node = new Redis({ host, port });
    await node.flushall().catch(() => undefined);
    node.disconnect();
  }
  await app.pool.query("UPDATE orders SET total = 9");
  await delay(LATER_MS);
  for (const tenant of TENANTS) assert.match((await app.read("/orders", tenant)).body, /"total":9\b/);
  for (const tenant of TENANTS) await app.warm("/orders", tenant);
});
