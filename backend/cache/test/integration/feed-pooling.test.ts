// The feed through transaction pooling: each statement may come by another connection, and what a session was told is forgotten.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest, tell } from "../../../servers/in-test.js";
import { startPgBouncer } from "../../../servers/pgbouncer.js";
import { until } from "../../../servers/until.js";
import { createFeed, type FeedDatabase } from "../../src/feed/index.js";
import { quiet } from "../support/caches.js";
import { openFeedApp } from "../support/feed-app.js";
import { type FeedDatabaseForTest, openFeedDatabase, TABLES } from "../support/feed-database.js";

/** Stricter than a pooler: no two statements share a connection, and nothing of one is left for the next. */
const alwaysAnother = ({ url }: FeedDatabaseForTest): FeedDatabase => ({
  query: async (text: string, values?: unknown[]) => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return await client.query(text, values);
    } finally {
      await client.end();
    }
  },
});

/** A pool that leads through PgBouncer; `undefined` where that cannot be had. */
async function throughPgBouncer({ url }: FeedDatabaseForTest): Promise<pg.Pool | undefined> {
  const pgbouncer = await startPgBouncer(url);
  if (!pgbouncer) return undefined;
  const pool = new pg.Pool({ connectionString: pgbouncer.url, max: 10 });
  pool.on("error", () => undefined);
  afterTest(async () => {
    await pool.end();
    await pgbouncer.stop();
  });
  return pool;
}

describe.each([
  ["another connection for each statement", alwaysAnother],
  ["PgBouncer", throughPgBouncer],
] as const)("by %s", (name, open) => {
  test("install, verify and drain need no session of their own", async () => {
    // Roles belong to the server, where other files install theirs meanwhile.
    const ownerRole = "etc_feed_pooling";
    const plain = await openFeedDatabase({ probeMs: 0, ownerRole });
    const pooled = await open(plain);
    if (!pooled) {
      tell(`${name}: not to be had on this machine`);
      return;
    }
    let queries = 0;
    const database: FeedDatabase = {
      query: (text, values) => {
        queries++;
        return pooled.query(text, values);
      },
    };
    await plain.pool.query(plain.feed.sql.down);
    const feed = createFeed({ database, tables: TABLES, ownerRole, probeMs: 1000, maxDelayMs: 1000 });
    assert.equal(await feed.install(), true);
    assert.deepEqual(await feed.verify(), []);
    const app = await openFeedApp({ store: "redis", beside: { ...plain, feed } });
    await app.warm("/orders");
    for (let total = 1; total < 4; total++) {
      await app.pool.query("UPDATE orders SET total = $1 WHERE id = 1", [total]);
      await delay(1030);
      assert.match((await app.read("/orders")).body, new RegExp(`"id":1,"total":${total}`));
      await app.warm("/orders");
    }
    // Writers that come by the pool, too: their transactions share connections.
    await Promise.all(
      Array.from({ length: 20 }, () => database.query("UPDATE orders SET total = total + 1 WHERE id = 3")),
    );
    await delay(1030);
    assert.match((await app.read("/orders")).body, /"id":3,"total":21/);
    await until("a probe has been measured", async () => {
      await app.read("/orders");
      return (await app.cache.stats()).feed?.delayMs !== null;
    });
    assert.ok(queries > 10);
  });
});

test("LISTEN through PgBouncer is not heard: one line says so, and changes are seen all the same", async () => {
  const plain = await openFeedDatabase({ probeMs: 0 });
  const pooled = await throughPgBouncer(plain);
  if (!pooled) {
    tell("PgBouncer: not to be had on this machine");
    return;
  }
  const warnings: string[] = [];
  const feed = createFeed({
    database: plain.pool,
    tables: { ...TABLES, orders: { ...TABLES.orders, notify: true } },
    probeMs: 0,
    listen: () => new pg.Client(pooled.options),
  });
  await feed.install();
  const logger = { ...quiet, warn: (line: string) => void warnings.push(line) };
  const app = await openFeedApp({ store: "memory", beside: { ...plain, feed }, cache: { logger } });
  await until("it has been tried", async () => {
    await app.warm("/orders");
    return warnings.some((line) => line.includes("not listening"));
  });
  assert.match(warnings.join("\n"), /transaction pooling/);
  await app.pool.query("UPDATE orders SET total = 9 WHERE id = 1");
  await delay(280);
  assert.match((await app.read("/orders")).body, /"id":1,"total":9/);
});
