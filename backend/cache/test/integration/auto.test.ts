// Routes with `dependsOn: "auto"`: what their handlers read is seen, and a change of it cuts their entries off.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { afterTest, closeAfterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { createTenantCache } from "../../src/index.js";
import { openAutoApp } from "../support/auto-app.js";
import { quiet, STORES } from "../support/caches.js";
import { openFeedDatabase } from "../support/feed-database.js";
import { serve } from "../support/http-app.js";

const PAST_MS = 270;

describe.each(STORES)("with the %s store", (store) => {
  test("a change by psql is seen by whoever reads its table, and by nobody else", async () => {
    const { pool, cache, read, warm, select, awake } = await openAutoApp({ store });
    select("accounts", "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id");
    select("orders", "SELECT id, total FROM orders WHERE tenant_id = $1 ORDER BY id");
    await awake();
    for (const name of ["accounts", "orders"]) {
      assert.equal((await read(name)).status, "fwd=miss; stored");
      for (const tenant of ["t1", "t0"]) await warm(name, tenant);
    }
    const fenced: string[] = [];
    cache.events.on("invalidated", ({ tenant, modules }) => fenced.push(`${tenant} ${modules.join(" ")}`));
    await pool.query("UPDATE accounts SET name = 'changed' WHERE id = 1");
    await delay(PAST_MS);
    const changed = await read("accounts");
    assert.equal(changed.status, "fwd=miss; stored");
    assert.match(changed.body, /"changed"/);
    // The drain may come later. Until then nobody has a token, and so no hit.
    await until("the feed has fenced it", () => fenced.length > 0);
    // A turn that came too late is done once more.
    assert.deepEqual([...new Set(fenced)], ["t1 accounts"]);
    // Once a token is there again the turn is done.
    await warm("accounts");
    const times = fenced.length;
    await delay(PAST_MS);
    assert.equal(fenced.length, times, "and not again");
    // On a busy machine the token may have run out, which is a miss of its own.
    await warm("orders");
    await warm("accounts", "t0");
  });
});

test("what another cached route answers within a handler is not seen, so that the outer one is not stored", async () => {
  const { pool, feed } = await openFeedDatabase({ probeMs: 0 });
  const cache = createTenantCache({ tenant: (req) => req.get("x-tenant"), feed, logger: quiet });
  closeAfterTest(cache);
  cache.track(pool);
  const app = await serve((express) => {
    express.use(cache.routes({ dependsOn: "auto", headers: { cacheControl: false } }));
    express.use(async (req, _res, next) => {
      await pool.query("SELECT id FROM accounts WHERE tenant_id = $1", [req.get("x-tenant")]);
      next();
    });
    express.get(
      "/page",
      cache.cacheList("inner", { dependsOn: "auto", headers: { cacheControl: false } }),
      async (req, res) => {
        res.json(
          (await pool.query("SELECT total FROM orders WHERE tenant_id = $1", [req.get("x-tenant")])).rows,
        );
      },
    );
  });
  afterTest(() => app.close());
  const read = () => app.request("/page", { tenant: "t1" });
  await until(
    "the inner one is a hit",
    async () => (await read()).headers.get("cache-status")?.includes("; hit") === true,
  );
  for (let n = 0; n < 3; n++)
    assert.match((await read()).headers.get("cache-status") ?? "", /detail=unknown-statement/);
  await pool.query("UPDATE orders SET total = 88 WHERE id = 1");
  await delay(PAST_MS);
  assert.match((await read()).body, /88/);
});

test("advice counts changes of what the route has read, and of nothing else", async () => {
  const { cache, select, awake, read, warm } = await openAutoApp();
  select("accounts", "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id");
  await awake();
  await warm("accounts");
  const cutOff = () => {
    const [route] = cache.advice().routes;
    return Math.round((route?.cutOffRatio ?? Number.NaN) * (route?.requests ?? 0));
  };
  const before = cutOff();
  for (let n = 0; n < 10; n++) {
    await cache.invalidateTenantCache("t1", "orders");
    await read("accounts");
  }
  assert.equal(cutOff(), before);
  for (let n = 0; n < 3; n++) {
    await cache.invalidateTenantCache("t1", "accounts");
    await warm("accounts");
  }
  assert.equal(cutOff(), before + 3);
});
