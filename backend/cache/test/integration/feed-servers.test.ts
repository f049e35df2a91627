// What the feed's triggers note on servers that are set up for it: prepared transactions, and a subscriber of logical replication.
import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { type PostgresServer, startPostgresWith } from "../../../servers/postgres.js";
import { until } from "../../../servers/until.js";
import { createFeed, type Feed } from "../../src/feed/index.js";

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgresWith({ wal_level: "logical", max_prepared_transactions: "10" });
});
afterAll(() => server.stop());

async function openDatabase(
  name: string,
): Promise<{ pool: pg.Pool; feed: Feed; noted(): Promise<string[]> }> {
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 3 });
  pool.on("error", () => undefined);
  afterTest(() => pool.end());
  await pool.query("CREATE TABLE orders (id int PRIMARY KEY, tenant_id text)");
  const feed = createFeed({ database: pool, tables: { orders: { module: "orders", tenant: "tenant_id" } } });
  await feed.install();
  const noted = async () => {
    const { rows } = await pool.query(
      "SELECT DISTINCT concat_ws(' ', tenant, module) AS row FROM etc_feed.changes ORDER BY 1",
    );
    return rows.map(({ row }) => row as string);
  };
  return { pool, feed, noted };
}

test("a prepared transaction is noted when it commits, and is new to whoever has looked before", async () => {
  const { pool, noted } = await openDatabase("prepared");
  await pool.query("BEGIN; INSERT INTO orders VALUES (1, 'a'); PREPARE TRANSACTION 'one'");
  await pool.query("INSERT INTO orders VALUES (2, 'b')");
  const { rows } = await pool.query("SELECT pg_current_snapshot()::text AS snapshot");
  assert.deepEqual(await noted(), ["b orders"]);
  await pool.query("COMMIT PREPARED 'one'");
  const later = await pool.query(
    "SELECT tenant FROM etc_feed.changes WHERE NOT pg_visible_in_snapshot(xid, $1)",
    [rows[0].snapshot],
  );
  assert.deepEqual([...later.rows], [{ tenant: "a" }]);
});

test("a subscriber of logical replication notes what it applies, rows and TRUNCATE", async () => {
  const publisher = await openDatabase("publisher");
  const subscriber = await openDatabase("subscriber");
  await publisher.pool.query("CREATE PUBLICATION all_orders FOR TABLE orders");
  await publisher.pool.query("SELECT pg_create_logical_replication_slot('orders', 'pgoutput')");
  const url = new URL(server.url);
  const connection = `host=${url.hostname} port=${url.port} user=${url.username} password=${url.password} dbname=publisher`;
  // The slot is made by hand: CREATE SUBSCRIPTION on the same server would wait for itself.
  await subscriber.pool.query(
    `CREATE SUBSCRIPTION mine CONNECTION '${connection}' PUBLICATION all_orders WITH (create_slot = false, slot_name = 'orders')`,
  );
  await publisher.pool.query("INSERT INTO orders VALUES (1, 'a'), (2, 'b')");
  await until("both rows have been applied", async () => (await subscriber.noted()).length === 2);
  assert.deepEqual(await subscriber.noted(), ["a orders", "b orders"]);
  await publisher.pool.query("UPDATE orders SET tenant_id = 'c' WHERE id = 2");
  await until("the update has been applied", async () => (await subscriber.noted()).includes("c orders"));
  await publisher.pool.query("TRUNCATE orders");
  await until("the TRUNCATE has been applied", async () => (await subscriber.noted()).includes("* orders"));
  await subscriber.pool.query("DROP SUBSCRIPTION mine");
});
