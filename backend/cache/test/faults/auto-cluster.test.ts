// Routes that name nothing on a Redis Cluster: the fences of all modules and the token of the tenant's master are read before the handler.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { openAutoApp } from "../support/auto-app.js";

/** The promise's, and what the test's own timers may be late. */
const LATER_MS = 1020;
/** In slots of different masters. */
const TENANTS = ["t0", "t1", "t2", "t3", "t4", "t5"];

test("tenants of every master hit, and see what psql has changed in what they read alone", async () => {
  const cluster = await startRedisCluster();
  afterTest(() => cluster.stop());
  const { pool, cache, select, read, warm } = await openAutoApp({
    store: "redis-only",
    cache: { redis: { cluster: cluster.nodes } },
    feed: { maxDelayMs: 1000 },
  });
  await pool.query("INSERT INTO orders SELECT 100 + n, 't' || n, NULL, 0 FROM generate_series(2, 5) n");
  select("orders", "SELECT id, total FROM orders WHERE tenant_id = $1 ORDER BY id");
  select("names", "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id");
  const fenced = new Set<string>();
  cache.events.on("invalidated", ({ modules }) => {
    for (const module of modules) fenced.add(module);
  });
  for (let total = 1; total < 4; total++) {
    for (const tenant of TENANTS) for (const name of ["orders", "names"]) await warm(name, tenant);
    await pool.query("UPDATE orders SET total = $1", [total]);
    await delay(LATER_MS);
    for (const tenant of TENANTS)
      assert.match((await read("orders", tenant)).body, new RegExp(`"total":${total}\\b`));
  }
  assert.deepEqual([...fenced], ["orders"]);
});
