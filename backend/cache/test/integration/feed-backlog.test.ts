// The feed's table stays small: while transactions are open for long, and while nobody drains.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import type pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

const MIB = 1024 * 1024;

async function bytesOf(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes FROM pg_class c
      WHERE relnamespace = 'etc_feed'::regnamespace AND relkind = 'r'`,
  );
  return rows[0].bytes;
}

/** so many transactions in one call. */
async function writeMany(pool: pg.Pool, transactions: number): Promise<void> {
  await pool.query(`CREATE OR REPLACE PROCEDURE many(n int) LANGUAGE plpgsql AS $$ BEGIN
    FOR i IN 1..n LOOP
      INSERT INTO orders SELECT coalesce(max(id), 0) + 1, 'tenant-' || i % 5 || repeat('x', 100), NULL, 1 FROM orders;
      COMMIT;
    END LOOP; END $$`);
  await pool.query(`CALL many(${transactions})`);
}

describe("the table of changes", () => {
  test("is bounded where nobody drains, and commits go on", async () => {
    const { pool } = await openFeedDatabase();
    await writeMany(pool, 26_000);
    const bytes = await bytesOf(pool);
    assert.ok(bytes < 12 * MIB, `${bytes} bytes`);
    const { rows } = await pool.query("SELECT last_value::int AS n, is_called FROM etc_feed.overflows");
    assert.ok(rows[0].is_called && rows[0].n > 100, "what was not noted is counted");
    const count = async () => (await pool.query("SELECT count(*)::int AS n FROM etc_feed.changes")).rows[0].n;
    const full = await count();
    await writeMany(pool, 200);
    assert.equal(await count(), full, "whoever finds it full closes it for all");
    await pool.query("TRUNCATE etc_feed.changes");
    await writeMany(pool, 200);
    assert.equal(await count(), 200, "where there is room again all are noted");
  });

  test("has its size looked at by one statement in many, and by each while it is closed", async () => {
    const { pool } = await openFeedDatabase();
    const place = async () =>
      (await pool.query("SELECT last_value::int AS at, is_called FROM etc_feed.place")).rows[0];
    assert.deepEqual(await place(), { at: 0, is_called: false });
    await writeMany(pool, 1);
    assert.deepEqual(await place(), { at: 0, is_called: true });
    await pool.query(`SELECT setval('etc_feed.place', 3, false)`);
    await writeMany(pool, 1);
    assert.deepEqual(await place(), { at: 3, is_called: true });
  });

  test("after an overflow nothing old is shown, also of a transaction that was open then", async () => {
    const { pool, read, warm } = await openFeedApp({ store: "redis" });
    await warm("/orders");
    const open = await pool.connect();
    afterTest(() => open.release(true));
    // As it is where nobody has drained for long.
    await pool.query(`SELECT setval('etc_feed.place', 7, false);
      INSERT INTO etc_feed.changes SELECT 7, '3'::xid8, 'nobody' || n || repeat('x', 80), 'm', '' FROM generate_series(1, 40000) n`);
    await open.query("BEGIN; UPDATE orders SET total = 71 WHERE id = 1");
    await pool.query("UPDATE orders SET total = 72 WHERE id = 3");
    await delay(270);
    assert.match((await read("/orders")).body, /"id":3,"total":72/);
    await warm("/orders");
    await delay(500);
    await open.query("COMMIT");
    await delay(270);
    assert.match((await read("/orders")).body, /"id":1,"total":71/);
    await warm("/orders");
  });

  test("is emptied behind the drain, also while an old transaction is open", async () => {
    const { pool, read, warm } = await openFeedApp({ store: "redis" });
    await warm("/orders");
    const old = await pool.connect();
    afterTest(() => old.release(true));
    await old.query("BEGIN; UPDATE orders SET total = 71 WHERE id = 1");
    let largest = 0;
    for (let n = 0; n < 10; n++) {
      await writeMany(pool, 2000);
      await read("/orders");
      largest = Math.max(largest, await bytesOf(pool));
      await delay(200);
    }
    assert.ok(largest < 10 * MIB, `${largest} bytes`);
    await old.query("COMMIT");
    await delay(270);
    assert.match((await read("/orders")).body, /"id":1,"total":71/);
  });

  test("is not emptied of what is not drained, whatever isolation the database has by default", async () => {
    const { pool } = await openFeedDatabase();
    await pool
      .query("ALTER DATABASE CURRENT SET default_transaction_isolation = 'repeatable read'")
      .catch(() => undefined);
    const { rows } = await pool.query(
      "SELECT current_database() AS name, pg_current_snapshot()::text AS before",
    );
    await pool.query(`ALTER DATABASE ${rows[0].name} SET default_transaction_isolation = 'repeatable read'`);
    await writeMany(pool, 4000);
    const count = async () =>
      Number((await pool.query("SELECT count(*) FROM etc_feed.changes")).rows[0].count);
    const tidy = (snapshot: string) =>
      pool.query(`SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT etc_feed.tidy('${snapshot}')`);
    const noted = await count();
    for (let n = 0; n < 3; n++) await tidy(rows[0].before);
    assert.equal(await count(), noted);
    const after = await pool.query("SELECT pg_current_snapshot()::text AS now");
    for (let n = 0; n < 3; n++) await tidy(after.rows[0].now);
    assert.ok((await count()) < noted);
    await assert.rejects(
      pool.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT etc_feed.tidy('1:1:'); COMMIT`),
      /needs READ COMMITTED/,
    );
  });
});
