// `feed.verify`: what the declaration says and the database does not, and `feed.diff`, which makes it so again.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { openFeedDatabase } from "../support/feed-database.js";

/** What `verify` says after some SQL, as `kind table: detail`. */
async function problemsAfter(sql: string, options = {}, schema?: string): Promise<string[]> {
  const { pool, feed } = await openFeedDatabase(options, schema);
  assert.deepEqual(await feed.verify(), []);
  await pool.query(sql);
  const problems = await feed.verify();
  return problems.map(({ kind, table, detail }) => `${kind} ${table}: ${detail}`);
}

describe("verify names", () => {
  test("a trigger that is missing, disabled, or left to ordinary sessions", async () => {
    assert.deepEqual(await problemsAfter("DROP TRIGGER etc_feed_update ON orders"), [
      "missing-trigger orders: etc_feed_update on orders",
    ]);
    assert.deepEqual(await problemsAfter("ALTER TABLE orders DISABLE TRIGGER etc_feed_delete"), [
      "disabled-trigger orders: etc_feed_delete on orders",
    ]);
    assert.deepEqual(await problemsAfter("ALTER TABLE orders ENABLE TRIGGER etc_feed_truncate"), [
      "disabled-trigger orders: etc_feed_truncate on orders",
    ]);
    assert.equal((await problemsAfter("ALTER TABLE orders DISABLE TRIGGER USER")).length, 5);
  });

  test("a table that was renamed, dropped, or replaced by another of its name", async () => {
    assert.deepEqual(await problemsAfter("ALTER TABLE orders RENAME TO old_orders"), [
      "missing-table orders: orders",
    ]);
    assert.deepEqual(await problemsAfter("DROP TABLE orders"), ["missing-table orders: orders"]);
    const replaced = await problemsAfter(
      "ALTER TABLE orders RENAME TO old_orders; CREATE TABLE orders (LIKE old_orders INCLUDING ALL)",
    );
    assert.equal(replaced.filter((each) => each.startsWith("missing-trigger orders:")).length, 5);
    assert.deepEqual(await problemsAfter("DROP TABLE orders; CREATE VIEW orders AS SELECT 1 AS tenant_id"), [
      "no-table orders: orders",
    ]);
  });

  test("a column that was dropped or renamed", async () => {
    assert.deepEqual(await problemsAfter("ALTER TABLE orders DROP COLUMN tenant_id"), [
      "missing-column orders: orders.tenant_id",
    ]);
    assert.deepEqual(await problemsAfter("ALTER TABLE accounts RENAME COLUMN id TO number"), [
      "missing-column accounts: accounts.id",
    ]);
  });

  test("a partition that was added", async () => {
    const problems = await problemsAfter(
      "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20)",
      { tables: { events: { module: "events", tenant: "tenant_id" } } },
      "CREATE TABLE events (tenant_id text, at int) PARTITION BY RANGE (at)",
    );
    assert.equal(problems.length, 5);
    assert.ok(problems.every((each) => each.endsWith(" on events_2")));
  });

  test("row security on what the feed has noted, and a feed that is gone", async () => {
    const secured = await problemsAfter("ALTER TABLE etc_feed.changes ENABLE ROW LEVEL SECURITY");
    assert.deepEqual(
      [...new Set(secured.map((each) => each.replace(/ \w+:/, "")))],
      ["row-security etc_feed.changes"],
    );
    assert.deepEqual(await problemsAfter("DROP SCHEMA etc_feed CASCADE"), [
      "not-installed accounts: schema etc_feed",
      "not-installed orders: schema etc_feed",
      "not-installed rates: schema etc_feed",
    ]);
  });

  test("a function that is not what is declared", async () => {
    const { pool, feed } = await openFeedDatabase();
    const { rows } = await pool.query(
      "SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_trigger t ON t.tgfoid = p.oid WHERE tgrelid = 'orders'::regclass AND tgname = 'etc_feed_insert'",
    );
    await pool.query(
      `CREATE OR REPLACE FUNCTION ${rows[0].name} RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    );
    assert.deepEqual(
      (await feed.verify()).map(({ kind, table }) => `${kind} ${table}`),
      ["other-function orders"],
    );
    await feed.install();
    assert.deepEqual(await feed.verify(), []);
  });
});

test("install mends all that it can, and no more than that", async () => {
  const { pool, feed, noted } = await openFeedDatabase();
  await pool.query(`DROP TRIGGER etc_feed_update ON orders; ALTER TABLE accounts DISABLE TRIGGER USER;
    ALTER TABLE etc_feed.changes FORCE ROW LEVEL SECURITY`);
  const diff = await feed.diff();
  assert.match(diff, /attach\('orders'/);
  assert.doesNotMatch(diff, /rates|CREATE TABLE/);
  assert.equal(await feed.install(), true);
  assert.deepEqual(await feed.verify(), []);
  await pool.query("UPDATE orders SET total = 4 WHERE id = 1");
  assert.deepEqual(await noted(), ["t1 orders"]);
});

test("running it again takes no lock of the tables", async () => {
  const { pool, feed } = await openFeedDatabase();
  const writer = await pool.connect();
  try {
    await writer.query("BEGIN; UPDATE orders SET total = 4 WHERE id = 1");
    await pool.query(`SET lock_timeout = '500ms'; ${feed.sql.up}; RESET lock_timeout`);
  } finally {
    await writer.query("ROLLBACK");
    writer.release();
  }
});
