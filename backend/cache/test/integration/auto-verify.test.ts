// `verifyRoutes` compares what routes declare with what their handlers were seen to read.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import express from "express";
import { closeAfterTest } from "../../../servers/in-test.js";
import type { CacheListOptions } from "../../src/index.js";
import { verifyRoutes } from "../../src/testing/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { openFeedDatabase } from "../support/feed-database.js";

const JOINED =
  "SELECT o.id, a.name FROM orders o JOIN accounts a ON a.id = o.account_id AND a.tenant_id = o.tenant_id WHERE o.tenant_id = $1";

async function verified(route: CacheListOptions, isTracked = true, sql = JOINED) {
  const { pool, feed } = await openFeedDatabase({ probeMs: 0 });
  // The feed wakes up, and the catalogue is read, in whatever time a busy machine takes.
  const cache = await openCache("memory", { feed });
  closeAfterTest(cache);
  if (isTracked) cache.track(pool);
  const app = express();
  app.get("/orders", cache.cacheList("orders", route), async (req, res) => {
    res.json((await pool.query(sql, [req.get("x-tenant")])).rows);
  });
  const tenants = [{ headers: { "x-tenant": "t0" } }, { headers: { "x-tenant": "t1" } }] as const;
  const { checks } = await verifyRoutes({
    app,
    cache,
    tenants,
    routes: [{ path: "/orders" }],
    checks: ["reads"],
    timeoutMs: READY_WITHIN_MS,
  });
  return checks.map(({ outcome, details }) => `${outcome}: ${details}`).join();
}

test("a module that is read and not declared fails, and is named", async () => {
  const said = await verified({ ttlSeconds: 60 });
  assert.match(
    said,
    /^failed: .*public\.accounts, public\.orders.* does not depend on "accounts": write dependsOn: \["accounts"\]/,
  );
});

test("what is declared, or seen by the cache itself, passes", async () => {
  assert.match(await verified({ dependsOn: ["accounts"] }), /^ok: what it reads is what it depends on/);
  assert.match(await verified({ dependsOn: "auto" }), /^ok/);
});

test("what is not known is told, and what cannot be seen as well", async () => {
  const clock = "SELECT id, now() FROM orders WHERE tenant_id = $1";
  assert.match(await verified({}, true, clock), /^ok: .*not all of it is known \(changing-value\)/);
  assert.match(await verified({}, false), /^ok: nothing was seen to be read: call cache\.track/);
});
