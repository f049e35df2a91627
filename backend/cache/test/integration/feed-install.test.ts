// Installing the feed's triggers: again, without a superuser, and taken away again.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { createTestDatabase } from "../../../servers/postgres.js";
import { until } from "../../../servers/until.js";
import { parseFeedOptions } from "../../src/feed/feed-options.js";
import { installFeed } from "../../src/feed/feed-sql.js";
import { createFeed } from "../../src/feed/index.js";
import { openFeedDatabase, TABLES } from "../support/feed-database.js";

/** Roles belong to the server, where other files install theirs meanwhile: what takes one away has one of its own. */
const OWN_ROLE = { ownerRole: "etc_feed_install" };

describe("installing", () => {
  test("can be done again, says whether anything was missing, and is taken away again", async () => {
    const { pool, feed } = await openFeedDatabase(OWN_ROLE);
    assert.equal(await feed.install(), false);
    assert.equal(await feed.diff(), "");
    await pool.query(feed.sql.up);
    await pool.query(feed.sql.up);
    assert.equal(await feed.diff(), "");
    await pool.query(feed.sql.down);
    await pool.query("UPDATE orders SET total = 2");
    assert.notEqual(await feed.diff(), "");
    await pool.query(feed.sql.down);
    assert.equal(await feed.install(), true);
  });

  test("no write of the app is ended for it, or waits behind it for long", async () => {
    const { pool, feed } = await openFeedDatabase(OWN_ROLE);
    await pool.query(feed.sql.down);
    const writer = await pool.connect();
    try {
      // Of a deadlock it would be the one that is ended. The install takes the other table first.
      await writer.query("SET deadlock_timeout = '700ms'; BEGIN; UPDATE orders SET total = 2 WHERE id = 1");
      const installing = feed.install();
      await until("the install waits for it", async () => {
        const { rows } = await pool.query(
          "SELECT FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass",
        );
        return rows.length > 0;
      });
      // Waits for what the install has, which waits for this one: a deadlock, unless one of them gives way.
      await writer.query("UPDATE accounts SET name = 'm' WHERE id = 1");
      await pool.query("UPDATE orders SET total = 2 WHERE id = 2");
      await writer.query("COMMIT");
      assert.equal(await installing, true);
    } finally {
      writer.release(true);
    }
    assert.deepEqual(await feed.verify(), []);
  });

  test("where a table stays locked it rejects as the database does", async () => {
    const { pool, feed } = await openFeedDatabase();
    await pool.query("DROP TRIGGER etc_feed_update ON orders");
    const writer = await pool.connect();
    try {
      await writer.query("BEGIN; UPDATE orders SET total = 2 WHERE id = 1");
      const options = parseFeedOptions({ database: pool, tables: TABLES });
      await assert.rejects(installFeed(options, 0), { code: "55P03" });
    } finally {
      writer.release(true);
    }
    assert.equal(await feed.install(), true);
  });

  test("needs no superuser: the owner of the tables with CREATEROLE, or with a role that is there", async () => {
    const { url, drop } = await createTestDatabase();
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    const role = `owner_${Date.now()}`;
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x' CREATEROLE`);
    await admin.query(`GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${role}`);
    await admin.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
    const own = new URL(url);
    own.username = role;
    own.password = "x";
    const pool = new pg.Pool({ connectionString: own.href });
    afterTest(async () => {
      await pool.end();
      await admin.query(`DROP OWNED BY ${role} CASCADE`);
      await admin.query(`DROP ROLE IF EXISTS ${role}_feed`);
      await admin.query(`DROP ROLE ${role}`);
      await admin.end();
      await drop();
    });
    await pool.query("CREATE TABLE orders (id int, tenant_id text)");
    const tables = { orders: TABLES.orders };
    const feed = createFeed({ database: pool, tables, ownerRole: `${role}_feed` });
    assert.equal(await feed.install(), true);
    await pool.query("INSERT INTO orders VALUES (1, 'a')");
    assert.deepEqual([...(await pool.query("SELECT tenant FROM etc_feed.changes")).rows], [{ tenant: "a" }]);
    await pool.query(feed.sql.down);
    assert.equal((await admin.query(`SELECT FROM pg_roles WHERE rolname = '${role}_feed'`)).rowCount, 0);
    await admin.query(`ALTER ROLE ${role} NOCREATEROLE`);
    await assert.rejects(feed.install(), /CREATE ROLE .* or set ownerRole: null/);
    assert.equal(await createFeed({ database: pool, tables, ownerRole: null }).install(), true);
    await pool.query("INSERT INTO orders VALUES (2, 'b')");
    assert.deepEqual([...(await pool.query("SELECT tenant FROM etc_feed.changes")).rows], [{ tenant: "b" }]);
  });
});
