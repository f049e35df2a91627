// NOTIFY wakes the drain: sooner than its next turn, for tables that ask for it, and never needed.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { createFeed } from "../../src/feed/index.js";
import { quiet } from "../support/caches.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase, TABLES } from "../support/feed-database.js";

/** A turn comes each twelve seconds. */
const SLOW = { maxDelayMs: 60_000, probeMs: 0 } as const;
const NOTIFYING = { ...TABLES, orders: { ...TABLES.orders, notify: true } } as const;

async function openListening(tables: typeof NOTIFYING | typeof TABLES = NOTIFYING) {
  const plain = await openFeedDatabase({ probeMs: 0 });
  const clients: pg.Client[] = [];
  const lines: string[] = [];
  const listen = () => {
    const client = new pg.Client({ connectionString: plain.url });
    clients.push(client);
    return client;
  };
  const feed = createFeed({ database: plain.pool, ...SLOW, tables, ...(tables === NOTIFYING && { listen }) });
  await feed.install();
  const say = (line: string) => void lines.push(line);
  const app = await openFeedApp({
    store: "redis",
    beside: { ...plain, feed },
    cache: { logger: { ...quiet, warn: say, info: say } },
  });
  const isListening = async () => {
    const { rows } = await plain.pool.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    );
    return rows.length > 0;
  };
  return { ...app, clients, lines, isListening };
}

describe("with notify", () => {
  test("a change is fenced long before the next turn, and one that is rolled back wakes nobody", async () => {
    const { pool, read, warm, isListening } = await openListening();
    await warm("/orders");
    await until("somebody listens", isListening);
    for (let total = 1; total < 4; total++) {
      const writtenAtMs = Date.now();
      await pool.query("UPDATE orders SET total = $1 WHERE id = 1", [total]);
      await until("it is seen", async () => (await read("/orders")).body.includes(`"id":1,"total":${total}`));
      // Turns are twelve seconds apart, and those that are called for 2.4.
      assert.ok(Date.now() - writtenAtMs < 10_000, "no turn was waited for");
      await warm("/orders");
    }
    const heard = new pg.Client({ connectionString: pool.options.connectionString });
    await heard.connect();
    afterTest(() => heard.end());
    let notices = 0;
    heard.on("notification", () => void notices++);
    await heard.query("LISTEN etc_feed_changed");
    await pool.query("BEGIN; UPDATE orders SET total = 7; ROLLBACK");
    await pool.query("UPDATE orders SET total = 7 WHERE false");
    await pool.query("UPDATE accounts SET name = 'x' WHERE id = 1");
    await pool.query("BEGIN; UPDATE orders SET total = 8; UPDATE orders SET total = 9; COMMIT");
    await heard.query("SELECT 1");
    assert.equal(notices, 1, "one for each transaction that has changed such a table");
  });

  test("the connection is lost: one line says so, another is made, and one that it has made itself again", async () => {
    const { pool, warm, clients, lines, isListening } = await openListening();
    await warm("/orders");
    await until("somebody listens", isListening);
    await pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    );
    await until("another one listens", async () => clients.length > 1 && (await isListening()));
    await until("it is told", () => lines.some((line) => line.includes("listening again")));
    assert.equal(lines.filter((line) => line.includes("not listening")).length, 1);
  });
});

test("without it nobody listens, and no function of a trigger notifies: PostgreSQL takes the lock for those alone", async () => {
  const { pool, warm, isListening } = await openListening(TABLES);
  await warm("/orders");
  const { rows } = await pool.query(
    "SELECT proname FROM pg_proc WHERE pronamespace = 'etc_feed'::regnamespace AND prosrc ~* 'notify'",
  );
  assert.deepEqual([...rows], []);
  assert.equal(await isListening(), false);
});
