// The feed through transaction pooling: each statement may come by another connection, and what a session was told is forgotten.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "@jest/globals";
import pg from "pg";
import { createFeed } from "../../src/feed/index.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase, TABLES } from "../support/feed-database.js";

test("install, verify and drain need no session of their own", async () => {
  const plain = await openFeedDatabase({ probeMs: 0 });
  let queries = 0;
  // Stricter than a pooler: no two statements share a connection, and nothing of one is left for the next.
  const database = {
    query: async (text: string, values?: unknown[]) => {
      queries++;
      const client = new pg.Client({ connectionString: plain.url });
      client.on("error", () => undefined);
      await client.connect();
      try {
        return await client.query(text, values);
      } finally {
        await client.end();
      }
    },
  };
  await plain.pool.query(plain.feed.sql.down);
  const feed = createFeed({ database, tables: TABLES, probeMs: 1000, maxDelayMs: 1000 });
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
  const { feed: report } = await app.cache.stats();
  assert.ok(report?.delayMs && report.delayMs.p50 < 1000, "a probe has been measured");
  assert.ok(queries > 10);
});
