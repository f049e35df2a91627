// Mutations of the API with a feed: their fences are replaced once, and a process that dies before it has replaced them is made up for.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { engineOf } from "../../src/tenant-cache.js";
import { STORES } from "../support/caches.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

const LATER_MS = 270;

describe.each(STORES)("a mutation of the API, %s", (store) => {
  test("invalidates once: what is read after it stays a hit", async () => {
    const { cache, read, warm, write } = await openFeedApp({ store });
    await warm("/orders");
    const invalidations = () => engineOf(cache).counters.report().totals.invalidations;
    const seen = async () => (await cache.stats()).feed ?? assert.fail("no feed");
    const [before, begun] = [invalidations(), await seen()];
    let writes = 0;
    // Which writes are spared is up to the machine: they go on until some are.
    await until("writes have been spared", async () => {
      const { spared, fenced } = await seen();
      await write(1, ++writes);
      const first = await read("/orders");
      assert.match(first.status, /^fwd=miss/);
      assert.match(first.body, new RegExp(`"id":1,"total":${writes}\\b`));
      await until("the drain has seen it", async () => {
        const now = await seen();
        return now.spared > spared || now.fenced > fenced;
      });
      // The token of a busy machine may have run out for a moment.
      await warm("/orders");
      return writes >= 5 && (await seen()).spared >= begun.spared + 3;
    });
    // A database that does not answer in time costs a fence that was not needed.
    const { fenced } = await seen();
    assert.equal(invalidations() - before, writes + fenced - begun.fenced);
  });

  test("does not hide another write of the same tenant, before it or after", async () => {
    const { pool, read, warm, write } = await openFeedApp({ store });
    await warm("/orders");
    const open = await pool.connect();
    try {
      await open.query("BEGIN; UPDATE orders SET total = 50 WHERE id = 5");
      await write(1, 2);
      await warm("/orders");
      await open.query("COMMIT");
      await delay(LATER_MS);
      assert.match((await read("/orders")).body, /"id":5,"total":50/);
      await write(1, 3);
      await pool.query("UPDATE orders SET total = 51 WHERE id = 5");
      await delay(LATER_MS);
      assert.match((await read("/orders")).body, /"id":5,"total":51/);
    } finally {
      open.release(true);
    }
  });

  test("is one of many at a time, and none of them keeps the drain from looking", async () => {
    let [looks, mostLooks] = [0, 0];
    const database = await openFeedDatabase(
      { probeMs: 0 },
      undefined,
      ({ options: { connectionString } }) => {
        // As the feed has them of a pool: writers that queue for a row keep no look from its connection.
        const own = new pg.Pool({ connectionString, max: 4 });
        own.on("error", () => undefined);
        afterTest(() => own.end());
        return {
          query: async (text: string, values?: unknown[]) => {
            if (!text.includes("pg_current_snapshot()")) return own.query(text, values);
            mostLooks = Math.max(mostLooks, ++looks);
            try {
              // Long enough for mutations to meet.
              await delay(20);
              return await own.query(text, values);
            } finally {
              looks--;
            }
          },
        };
      },
    );
    const { cache, pool, warm, write } = await openFeedApp({ store, beside: database });
    await warm("/orders", "t0");
    let isOver = false;
    const writer = async (id: number) => {
      while (!isOver) await write(id, 1);
    };
    const writers = Array.from({ length: 16 }, () => writer(1));
    const reasons = new Set<string | null>();
    const fenced = async () => {
      const { feed } = await cache.stats();
      reasons.add(feed?.reason ?? null);
      return feed?.fenced ?? 0;
    };
    for (let total = 2; total < 6; total++) {
      const before = await fenced();
      await pool.query("UPDATE orders SET total = $1 WHERE tenant_id = 't0'", [total]);
      await until("what a service has written is fenced", async () => (await fenced()) > before);
    }
    isOver = true;
    await Promise.all(writers);
    // A machine with other work may be late, and says so.
    const isLate = /^(?:a turn took|no answer within)/;
    const others = [...reasons].filter((reason) => reason !== null && !isLate.test(reason));
    assert.deepEqual(others, []);
    // Two of the drain and two of requests, where answers are late.
    assert.ok(mostLooks <= 4, `${mostLooks} looks at a time`);
  });

  test("that ends between COMMIT and fence is repaired within x, without a guard", async () => {
    const { cache, read, warm, write } = await openFeedApp({ store });
    await warm("/orders");
    // As a process that dies there leaves it: committed, and nothing replaced.
    const engine = engineOf(cache);
    const invalidate = engine.invalidate.bind(engine);
    engine.invalidate = async () => true;
    await write(1, 88);
    engine.invalidate = invalidate;
    await delay(LATER_MS);
    expect((await read("/orders")).body).toMatch(/"total":88/);
  });
});
