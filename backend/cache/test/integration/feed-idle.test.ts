// No reader, no query: after a while without covered reads the database is left alone, and the first one wakes the feed.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { STORES } from "../support/caches.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

/** A feed whose queries are counted. */
async function openCounted(store: (typeof STORES)[number]) {
  const counted = { queries: 0 };
  const database = await openFeedDatabase({ probeMs: 0, idleMs: 1000 }, undefined, (pool) => ({
    query: (text: string, values?: unknown[]) => {
      counted.queries++;
      return pool.query(text, values);
    },
  }));
  const app = await openFeedApp({ store, beside: database });
  const fallAsleep = () =>
    until("the feed asks nothing", async () => {
      const before = counted.queries;
      await delay(400);
      // One that waits for an answer asks nothing either.
      const { feed } = await app.cache.stats({ sizes: false });
      return counted.queries === before && feed?.state === "asleep";
    });
  return { ...app, counted, fallAsleep };
}

describe.each(STORES)("without covered reads, %s", (store) => {
  test("nothing is asked; then the first read is a miss, and the next a hit", async () => {
    const { pool, counted, read, warm, fallAsleep } = await openCounted(store);
    await warm("/orders");
    assert.ok(counted.queries > 0);
    await fallAsleep();
    const asleep = counted.queries;
    for (let n = 0; n < 5; n++) await read("/free");
    await delay(300);
    assert.equal(counted.queries, asleep, "what is not covered wakes nothing");
    // Also of what has changed meanwhile.
    await pool.query("UPDATE orders SET total = 61 WHERE id = 1");
    const first = await read("/orders");
    assert.match(first.status, /^fwd=miss/);
    assert.match(first.body, /"total":61/);
    // On a busy machine the token may have run out again, which is a miss of its own.
    await warm("/orders");
    assert.ok(counted.queries > asleep);
  });

  test("what was written meanwhile is not shown", async () => {
    const { pool, read, warm, fallAsleep } = await openCounted(store);
    await warm("/orders");
    await fallAsleep();
    await pool.query("UPDATE orders SET total = 62 WHERE id = 1");
    await pool.query("UPDATE orders SET total = 63 WHERE id = 1");
    assert.match((await read("/orders")).body, /"total":63/);
    assert.match((await warm("/orders")).body, /"total":63/);
  });
});
