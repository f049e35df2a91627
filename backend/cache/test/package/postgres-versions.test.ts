// The feed on each PostgreSQL that it is for: installed, written to in every way, drained, and found as declared. The oldest one; all with `TEST_PACKAGE=full`.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { POSTGRES_MAJORS, type PostgresMajor, postgresOf } from "../../../servers/find-postgres.js";
import { type PostgresServer, startPostgresWith } from "../../../servers/postgres.js";
import { until } from "../../../servers/until.js";
import { openAutoApp } from "../support/auto-app.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";
import { isFull } from "./tools.js";

const OLDEST = POSTGRES_MAJORS.slice(0, 1);
/** What the promise allows here, and what the test's own timers may be late. A machine that stands still for longer has misses, which are right. */
const X_MS = 1000;
const LATER_MS = X_MS + 20;
const SETTINGS = { wal_level: "logical", max_prepared_transactions: "10" };

interface Way {
  readonly name: string;
  readonly sql: string;
  /** Default: all. */
  readonly since?: PostgresMajor;
}

/** Ways to change orders of the tenant t1. */
const WAYS: readonly Way[] = [
  { name: "INSERT", sql: "INSERT INTO orders VALUES (101, 't1', NULL, 1)" },
  { name: "UPDATE", sql: "UPDATE orders SET total = total + 1 WHERE id = 101" },
  { name: "an UPDATE of the tenant", sql: "UPDATE orders SET tenant_id = 't0' WHERE id = 101" },
  {
    name: "ON CONFLICT",
    sql: "INSERT INTO orders VALUES (5, 't1', 5, 1) ON CONFLICT (id) DO UPDATE SET total = 50",
  },
  {
    name: "MERGE",
    since: 15,
    sql: `MERGE INTO orders USING (VALUES (7), (107)) AS s (id) ON orders.id = s.id
      WHEN MATCHED THEN UPDATE SET total = 70 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 't1', NULL, 107)`,
  },
  { name: "COPY", sql: "COPY orders (id, tenant_id, total) FROM PROGRAM 'echo 108,t1,1' WITH (FORMAT csv)" },
  {
    name: "WITH",
    sql: "WITH gone AS (DELETE FROM orders WHERE id = 108 RETURNING *) SELECT count(*) FROM gone",
  },
  {
    name: "a procedure",
    sql: `CREATE PROCEDURE raise_totals() LANGUAGE sql BEGIN ATOMIC UPDATE orders SET total = total + 1; END;
      CALL raise_totals()`,
  },
  { name: "a cascade", sql: "DELETE FROM accounts WHERE id = 3" },
  {
    name: "session_replication_role = replica",
    sql: "BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM orders WHERE id = 1; COMMIT",
  },
  {
    name: "a savepoint behind one that was rolled back",
    sql: `BEGIN; SAVEPOINT one; UPDATE orders SET total = 90; ROLLBACK TO one; UPDATE orders SET total = 91 WHERE id = 5; COMMIT`,
  },
  { name: "TRUNCATE", sql: "TRUNCATE orders" },
];

describe.each(isFull ? POSTGRES_MAJORS : OLDEST)("PostgreSQL %d", (major) => {
  let server: PostgresServer;
  const shared = process.env.TEST_DATABASE_URL;

  beforeAll(async () => {
    server = await startPostgresWith(SETTINGS, await postgresOf(major));
    process.env.TEST_DATABASE_URL = server.url;
  });
  afterAll(async () => {
    process.env.TEST_DATABASE_URL = shared;
    await server.stop();
  });

  test("each way to change a row is seen, and the feed stays as declared", async () => {
    const { pool, read, warm, feed } = await openFeedApp({ store: "memory", feed: { maxDelayMs: X_MS } });
    const { rows } = await pool.query("SHOW server_version_num");
    assert.equal(Math.floor(Number(rows[0].server_version_num) / 10_000), major);
    for (const { name, sql, since = major } of WAYS) {
      if (since > major) continue;
      const before = await warm("/orders");
      await pool.query(sql);
      const list = "SELECT id, total FROM orders WHERE tenant_id = 't1' ORDER BY id";
      const now = JSON.stringify((await pool.query(list)).rows);
      assert.notEqual(now, before.body, `${name} changes nothing`);
      await delay(LATER_MS);
      assert.equal((await read("/orders")).body, now, `${name} is not seen`);
    }
    assert.deepEqual(await feed.verify(), []);
    assert.equal(await feed.install(), false);
  });

  test("a prepared transaction is seen when it commits", async () => {
    const { pool, read, warm } = await openFeedApp({ store: "memory" });
    await warm("/orders");
    await pool.query("BEGIN; UPDATE orders SET total = 60 WHERE id = 1; PREPARE TRANSACTION 'one'");
    await warm("/rates");
    assert.doesNotMatch((await warm("/orders")).body, /"total":60/);
    await pool.query("COMMIT PREPARED 'one'");
    await until("it is seen", async () => /"total":60/.test((await read("/orders")).body));
  });

  test("a row that moves to another partition is noted for both tenants", async () => {
    const { pool, noted, feed } = await openFeedDatabase(
      { tables: { events: { module: "events", tenant: "tenant_id", tags: ["id"] } } },
      `CREATE TABLE events (id int, tenant_id text) PARTITION BY LIST (tenant_id);
       CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a'); CREATE TABLE events_b PARTITION OF events DEFAULT;
       INSERT INTO events VALUES (1, 'a')`,
    );
    assert.deepEqual(await feed.verify(), []);
    await pool.query("UPDATE events SET tenant_id = 'b'");
    assert.deepEqual(await noted(), ["a events", "a events events-1", "b events", "b events events-1"]);
    await pool.query("UPDATE events_b SET id = 2");
    assert.deepEqual(await noted(), ["b events", "b events events-1", "b events events-2"]);
    await pool.query(feed.sql.down);
    await pool.query("UPDATE events SET id = 3");
    assert.equal(await feed.install(), true);
  });

  test("a route that names nothing follows a view to its tables", async () => {
    const { pool, select, read, warm, awake } = await openAutoApp();
    const invoker = major >= 15 ? " WITH (security_invoker)" : "";
    await pool.query(`CREATE VIEW named${invoker} AS SELECT id, tenant_id, name FROM accounts`);
    await awake();
    select("named", "SELECT name FROM named WHERE tenant_id = $1 AND id = 1");
    await warm("named");
    await pool.query("UPDATE accounts SET name = 'renamed' WHERE id = 1");
    await until("the change is seen", async () => (await read("named")).body === '[{"name":"renamed"}]');
  });
});
