// Columns whose values, names and types are odd: what is noted is never another tenant's or tag's, and nobody's write fails.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

const OWN_TYPES = `CREATE DOMAIN short AS varchar(5); CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TYPE pair AS (one int, other text);
  CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE DOMAIN named AS text COLLATE folded;`;

/** Equal values, which have one text. */
const EXACT: readonly (readonly [type: string, values: readonly string[], text: string])[] = [
  ["uuid", ["'6F1C0C4E-0B5A-4D7E-9A53-1F0D3C2B1A00'"], "6f1c0c4e-0b5a-4d7e-9a53-1f0d3c2b1a00"],
  ["bigint", ["12"], "12"],
  ["numeric(10)", ["1", "1.0"], "1"],
  ["short", ["'ab'"], "ab"],
  ["kind", ["'a'"], "a"],
  ["char(8)", ["'ab'", "'ab  '"], "ab"],
  ["date", ["'2020-02-01'"], "2020-02-01"],
  ['text COLLATE "en-x-icu"', ["'Acme'"], "Acme"],
];
/** Equal values of these may have several texts, or one that depends on the session; or they are never equal. */
const INEXACT: readonly (readonly [type: string, values: readonly string[]])[] = [
  ["numeric", ["1", "1.00"]],
  ["float8", ["0", "'-0'"]],
  ["text COLLATE folded", ["'Acme'", "'acme'"]],
  ["named", ["'Acme'", "'acme'"]],
  ["jsonb", ["'1.0'", "'1'"]],
  ["interval", ["'1 day'", "'24 hours'"]],
  ["json", ["'{}'"]],
  ["xml", ["'<a/>'"]],
  ["point", ["'(1,2)'"]],
  ["pair", ["ROW(1, 'a')"]],
  ["text[]", ["'{a}'"]],
  ["bytea", ["'\\x4142'"]],
  ["timestamptz", ["'2020-01-01 00:00Z'"]],
  ["money", ["1"]],
];
const SESSIONS = [
  "SELECT 1",
  "SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -5; SET bytea_output = 'escape'; SET IntervalStyle = 'iso_8601'",
];

async function notedOf(
  type: string,
  values: readonly string[],
  column: "tenant" | "tag",
): Promise<string[][]> {
  const tables =
    column === "tenant"
      ? { notes: { tenant: "it", tags: ["id"] }, plain: { tenant: "it" } }
      : { notes: { tenant: "id", tags: ["it"] }, plain: { tenant: "id" } };
  const { pool, noted } = await openFeedDatabase(
    { tables },
    `${OWN_TYPES} CREATE TABLE notes (id text DEFAULT '1', it ${type}); CREATE TABLE plain (LIKE notes INCLUDING DEFAULTS)`,
  );
  const all = [];
  const client = await pool.connect();
  try {
    for (const session of SESSIONS) {
      await client.query(session);
      for (const table of ["notes", "plain"])
        await client.query(
          `INSERT INTO ${table} (it) VALUES ${values.map((value) => `(${value})`).join(", ")}`,
        );
      all.push(await noted());
    }
  } finally {
    client.release();
  }
  return all;
}

describe("a tenant's column", () => {
  test.each(EXACT)("of %s", async (type, values, text) => {
    const expected = [`${text} notes`, `${text} notes notes-1`, `${text} plain`].sort();
    assert.deepEqual(await notedOf(type, values, "tenant"), [expected, expected]);
  });

  test.each(INEXACT)("of %s: all tenants are noted", async (type, values) => {
    const expected = ["* notes", "* plain"];
    assert.deepEqual(await notedOf(type, values, "tenant"), [expected, expected]);
  });
});

describe("a tag's column", () => {
  test.each(EXACT)("of %s", async (type, values, text) => {
    const expected = ["1 notes", `1 notes notes-${text}`, "1 plain"].sort();
    assert.deepEqual(await notedOf(type, values, "tag"), [expected, expected]);
  });

  test.each(INEXACT)("of %s: all that the tenant has is noted", async (type, values) => {
    const expected = ["1 notes", "1 notes *", "1 plain"].sort();
    assert.deepEqual(await notedOf(type, values, "tag"), [expected, expected]);
  });
});

describe("whoever writes as of an older snapshot", () => {
  test.each([
    "ALTER TABLE accounts RENAME tenant_id TO owner_id",
    "ALTER TABLE accounts DROP COLUMN tenant_id",
    "ALTER TABLE accounts RENAME tenant_id TO owner_id; ALTER TABLE accounts RENAME name TO tenant_id",
    "ALTER TABLE accounts RENAME id TO number",
  ])("goes on behind %s: all tenants are noted", async (ddl) => {
    const { pool, noted } = await openFeedDatabase();
    const writers = await Promise.all([pool.connect(), pool.connect()]);
    try {
      for (const [n, isolation] of ["REPEATABLE READ", "SERIALIZABLE"].entries())
        await writers[n]?.query(`BEGIN ISOLATION LEVEL ${isolation}; SELECT 1 FROM orders`);
      await pool.query(ddl);
      for (const [n, writer] of writers.entries()) {
        await writer.query(`DELETE FROM accounts WHERE ctid = '(0,${n + 1})'; COMMIT`);
        const accounts = (await noted()).filter((each) => each.includes("accounts"));
        assert.deepEqual(accounts, ["* accounts"]);
      }
    } finally {
      for (const writer of writers) writer.release();
    }
  });
});

test("what a dump of another server has brought along is not new for ever", async () => {
  const beside = await openFeedDatabase({ probeMs: 0 });
  await beside.pool.query(
    "INSERT INTO etc_feed.changes VALUES (0, '999999999999', '*', 'orders', ''), (0, '999999999999', 't1', 'orders', '')",
  );
  const { warm, pool } = await openFeedApp({ store: "memory", beside });
  await warm("/orders");
  assert.equal((await pool.query("SELECT FROM etc_feed.changes")).rowCount, 0);
});

test("a column may be called like the mark of the function's text", async () => {
  const { pool, noted } = await openFeedDatabase(
    { tables: { odd: { tenant: "a$etc$b", tags: ["x'\"\\"] } } },
    `CREATE TABLE odd ("a$etc$b" text, "x'""\\" int)`,
  );
  await pool.query("INSERT INTO odd VALUES ('x', 1)");
  assert.deepEqual(await noted(), ["x odd", "x odd odd-1"]);
});

test("triggers that were off for a while, and are as they were: everything is cut off", async () => {
  const { pool, feed, warm, read } = await openFeedApp({ store: "memory", feed: { verifyMs: 100 } });
  const { body } = await warm("/orders");
  await pool.query(`BEGIN; ALTER TABLE orders DISABLE TRIGGER USER; UPDATE orders SET total = 77;
    ALTER TABLE orders ENABLE ALWAYS TRIGGER etc_feed_insert, ENABLE ALWAYS TRIGGER etc_feed_update, ENABLE ALWAYS TRIGGER etc_feed_delete,
      ENABLE ALWAYS TRIGGER etc_feed_truncate, ENABLE REPLICA TRIGGER etc_feed_replica; COMMIT`);
  assert.deepEqual(await feed.verify(), []);
  await until("the new total is shown", async () => (await read("/orders")).body !== body);
});
