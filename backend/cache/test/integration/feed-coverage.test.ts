// What the triggers do not see leaves the guarantee: its modules miss, and one line and the report say so.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { quiet } from "../support/caches.js";
import { openFeedApp } from "../support/feed-app.js";

test("a trigger that is disabled: its module is not cached, the others are; enabled again, it is", async () => {
  const lines: string[] = [];
  const logger = {
    ...quiet,
    warn: (line: string) => void lines.push(line),
    info: (line: string) => void lines.push(line),
  };
  const { pool, cache, read, warm } = await openFeedApp({
    store: "redis",
    feed: { verifyMs: 100 },
    cache: { logger },
  });
  for (const path of ["/orders", "/rates"]) await warm(path);
  assert.deepEqual(cache.stats && (await cache.stats()).feed?.uncoveredTables, []);
  await pool.query("ALTER TABLE orders DISABLE TRIGGER etc_feed_update");
  await until("orders are not covered", async () => (await read("/orders")).status.includes("uncovered"));
  await warm("/rates");
  assert.match((await read("/orders")).status, /^fwd=miss; detail="?uncovered/);
  assert.deepEqual((await cache.stats()).feed?.uncoveredTables, ["orders"]);
  assert.equal(lines.filter((line) => line.includes("not covered")).length, 1);
  // Not seen by any trigger, and never shown too late.
  await pool.query("UPDATE orders SET total = 31 WHERE id = 1");
  assert.match((await read("/orders")).body, /"total":31/);
  await pool.query("UPDATE orders SET total = 32 WHERE id = 1");
  assert.match((await read("/orders")).body, /"total":32/);
  await pool.query("ALTER TABLE orders ENABLE ALWAYS TRIGGER etc_feed_update");
  assert.match((await warm("/orders")).body, /"total":32/);
  assert.equal(lines.filter((line) => line.includes("covered again")).length, 1);
});

test("a feed that is not installed: covered routes go to their handlers, and say why", async () => {
  const { pool, feed, read, warm } = await openFeedApp({ store: "memory", feed: { verifyMs: 100 } });
  await warm("/orders");
  // The drain asks several of its tables in one statement: where each has what the other waits for, PostgreSQL ends one of them.
  await until("the schema is gone", () =>
    pool.query("DROP SCHEMA IF EXISTS etc_feed CASCADE").then(
      () => true,
      (error) => {
        assert.equal(error.code, "40P01");
        return false;
      },
    ),
  );
  await until("nothing is served", async () => !(await read("/orders")).status.includes("hit"));
  await pool.query("UPDATE orders SET total = 33 WHERE id = 1");
  // A turn that has looked before the schema was gone may set its token yet.
  await new Promise((resolve) => setTimeout(resolve, 280));
  assert.match((await read("/orders")).body, /"total":33/);
  assert.equal((await warm("/free")).status, "hit");
  await feed.install();
  assert.match((await warm("/orders")).body, /"total":33/);
});

test("two caches on one schema: one line says so, and none shows what is too old", async () => {
  const lines: string[] = [];
  const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
  const one = await openFeedApp({ store: "redis", cache: { logger, keyPrefix: `test:one:${Date.now()}:` } });
  const other = await openFeedApp({
    store: "redis",
    beside: one,
    cache: { keyPrefix: `test:two:${Date.now()}:` },
  });
  await until("it is told", async () => {
    await Promise.all([one.read("/orders"), other.read("/orders")]);
    return lines.some((line) => line.includes("another cache"));
  });
  assert.match(lines.join("\n"), /createFeed\(\{ schema: "etc_feed_2" \}\)/);
  assert.equal(lines.filter((line) => line.includes("another cache")).length, 1);
  await one.pool.query("UPDATE orders SET total = 34 WHERE id = 1");
  await new Promise((resolve) => setTimeout(resolve, 280));
  for (const app of [one, other]) assert.match((await app.read("/orders")).body, /"total":34/);
});
