// What the feed's triggers note: every way in which PostgreSQL changes rows, once for each transaction, tenant and module.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { openFeedDatabase } from "../support/feed-database.js";

describe("a statement notes", () => {
  test("the tenant, the module and the tags of the rows it inserts, updates and deletes", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query("INSERT INTO accounts VALUES (20, 'acme', 'n')");
    assert.deepEqual(await noted(), ["acme accounts", "acme accounts accounts-20"]);
    await pool.query("UPDATE accounts SET name = 'm' WHERE id = 20");
    assert.deepEqual(await noted(), ["acme accounts", "acme accounts accounts-20"]);
    await pool.query("DELETE FROM accounts WHERE id = 20");
    assert.deepEqual(await noted(), ["acme accounts", "acme accounts accounts-20"]);
  });

  test("both tenants of a row that moves from one to the other", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query("UPDATE orders SET tenant_id = 'globex' WHERE id = 1");
    assert.deepEqual(await noted(), ["globex orders", "t1 orders"]);
  });

  test("nothing where it changes nothing", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query("UPDATE accounts SET name = 'm' WHERE id = 99");
    await pool.query("INSERT INTO accounts VALUES (1, 't1', 'n') ON CONFLICT DO NOTHING");
    await pool.query("UPDATE rates SET value = 2");
    await pool.query("DELETE FROM rates");
    assert.deepEqual(await noted(), []);
  });

  test("one row for each tenant, however many rows it changes", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query("INSERT INTO orders SELECT n, 'k' || n % 7, NULL, 1 FROM generate_series(100, 20000) n");
    assert.deepEqual(
      await noted(),
      [0, 1, 2, 3, 4, 5, 6].map((k) => `k${k} orders`),
    );
  });

  test("all that a tenant has, above maxTags rows of a table with tags", async () => {
    const { pool, noted } = await openFeedDatabase({ maxTags: 3 });
    await pool.query("INSERT INTO accounts SELECT n, 'acme', 'n' FROM generate_series(20, 22) n");
    assert.equal((await noted()).length, 4);
    await pool.query("INSERT INTO accounts SELECT n, 'acme', 'n' FROM generate_series(30, 33) n");
    assert.deepEqual(await noted(), ["acme accounts", "acme accounts *"]);
  });

  test("all tenants: TRUNCATE, a row without a tenant, a table without a tenant column", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query("TRUNCATE orders");
    assert.deepEqual(await noted(), ["* orders"]);
    await pool.query("INSERT INTO orders VALUES (1, NULL, NULL, 1)");
    assert.deepEqual(await noted(), ["* orders"]);
    await pool.query("INSERT INTO rates VALUES (1, 1)");
    assert.deepEqual(await noted(), ["* rates"]);
  });

  test("what TRUNCATE CASCADE and a cascading foreign key take along", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query("DELETE FROM accounts WHERE id = 3");
    assert.deepEqual(await noted(), ["t1 accounts", "t1 accounts accounts-3", "t1 orders"]);
    await pool.query("TRUNCATE accounts CASCADE");
    assert.deepEqual(await noted(), ["* accounts", "* orders"]);
  });

  test("the rows of COPY, of ON CONFLICT DO UPDATE, of WITH and of a function", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query(`DO $$ BEGIN
      CREATE TEMP TABLE source AS SELECT 50 AS id, 'copied'::text AS tenant_id, NULL::int AS account_id, 1 AS total; END $$`);
    const client = await pool.connect();
    try {
      await copyIn(client, "COPY orders (id, tenant_id) FROM STDIN", "60\tcopied\n61\tcopied\n");
    } finally {
      client.release();
    }
    assert.deepEqual(await noted(), ["copied orders"]);
    await pool.query(
      "INSERT INTO orders VALUES (60, 'other', NULL, 1), (62, 'new', NULL, 1) ON CONFLICT (id) DO UPDATE SET total = 9",
    );
    assert.deepEqual(await noted(), ["copied orders", "new orders"]);
    await pool.query(
      "WITH gone AS (DELETE FROM orders WHERE id = 60 RETURNING *) INSERT INTO orders SELECT 70, 'with', NULL, 1 FROM gone",
    );
    assert.deepEqual(await noted(), ["copied orders", "with orders"]);
    await pool.query(
      "CREATE FUNCTION close(which int) RETURNS void LANGUAGE sql AS 'UPDATE orders SET total = 0 WHERE id = which'",
    );
    await pool.query("SELECT close(70)");
    assert.deepEqual(await noted(), ["with orders"]);
  });

  test("each action of MERGE (PostgreSQL 15 and newer)", async () => {
    const { pool, noted } = await openFeedDatabase();
    const { rows } = await pool.query("SHOW server_version_num");
    if (Number(rows[0].server_version_num) < 150_000) return;
    await pool.query(`MERGE INTO orders USING (VALUES (1, 'x'), (2, 'x'), (500, 'merged')) AS s (id, tenant) ON orders.id = s.id
      WHEN MATCHED AND s.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET total = 3
      WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.tenant, NULL, 1)`);
    assert.deepEqual(await noted(), ["merged orders", "t0 orders", "t1 orders"]);
  });
});

describe("a transaction notes", () => {
  test("each tenant once, and nothing that it has rolled back", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query(
      "BEGIN; UPDATE orders SET total = 2 WHERE id = 1; UPDATE orders SET total = 3 WHERE id = 3; COMMIT",
    );
    const { rows } = await pool.query(
      "SELECT count(*)::int AS count FROM etc_feed.changes WHERE module = 'orders'",
    );
    assert.equal(rows[0].count, 1);
    assert.deepEqual(await noted(), ["t1 orders"]);
    await pool.query("BEGIN; UPDATE orders SET total = 4; ROLLBACK");
    assert.deepEqual(await noted(), []);
  });

  test("what was written again behind a savepoint that was rolled back, and no more", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query(`BEGIN; SAVEPOINT one; UPDATE orders SET total = 5 WHERE id = 1; UPDATE orders SET total = 5 WHERE id = 2;
      ROLLBACK TO one; UPDATE orders SET total = 6 WHERE id = 1; RELEASE one; COMMIT`);
    assert.deepEqual(await noted(), ["t1 orders"]);
  });

  test("under its own id also in subtransactions of a function", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query(`DO $$ BEGIN
      BEGIN UPDATE orders SET total = 7 WHERE id = 1; EXCEPTION WHEN division_by_zero THEN NULL; END;
      BEGIN UPDATE orders SET total = 1 / 0 WHERE id = 2; EXCEPTION WHEN division_by_zero THEN NULL; END;
    END $$`);
    assert.deepEqual(await noted(), ["t1 orders"]);
  });
});

describe("a relation below the declared one", () => {
  test("is noted where it is written to itself, and where the parent is", async () => {
    const { pool, noted, feed } = await openFeedDatabase(
      { tables: { events: { module: "events", tenant: "tenant_id" } } },
      `CREATE TABLE events (id int, tenant_id text, at int) PARTITION BY RANGE (at);
       CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100) PARTITION BY LIST (tenant_id);
       CREATE TABLE events_1_a PARTITION OF events_1 DEFAULT;
       CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200)`,
    );
    assert.deepEqual(await feed.verify(), []);
    await pool.query("INSERT INTO events VALUES (1, 'a', 5), (2, 'b', 150)");
    assert.deepEqual(await noted(), ["a events", "b events"]);
    await pool.query("UPDATE events_1_a SET id = 2");
    assert.deepEqual(await noted(), ["a events"]);
    await pool.query("UPDATE events_1 SET id = 3");
    assert.deepEqual(await noted(), ["a events"]);
    // A row that moves to another partition.
    await pool.query("UPDATE events SET at = 160, tenant_id = 'c' WHERE tenant_id = 'a'");
    assert.deepEqual(await noted(), ["a events", "c events"]);
    await pool.query("TRUNCATE events_2");
    assert.deepEqual(await noted(), ["* events"]);
  });

  test("is noted where a trigger drops its row on the way to another partition", async () => {
    const { pool, noted } = await openFeedDatabase(
      { tables: { events: { module: "events", tenant: "tenant_id", tags: ["id"] } } },
      `CREATE TABLE events (id int, tenant_id text, at int) PARTITION BY LIST (at);
       CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
       CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
       CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER dropped BEFORE INSERT ON events_2 FOR EACH ROW EXECUTE FUNCTION drop_row();
       INSERT INTO events VALUES (1, 'a', 1)`,
    );
    await pool.query("UPDATE events SET at = 2");
    assert.deepEqual(await noted(), ["a events", "a events events-1"]);
  });

  test("which is a foreign table: nobody's write fails, and the table is not covered", async () => {
    const { pool, noted, feed, url } = await openFeedDatabase(
      { tables: { events: { module: "events", tenant: "tenant_id" } } },
      `CREATE TABLE far (id int, tenant_id text, at int);
       CREATE TABLE events (id int, tenant_id text, at int) PARTITION BY LIST (at);
       CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
       CREATE EXTENSION postgres_fdw`,
    );
    const write = "INSERT INTO events VALUES (1, 'a', 1), (2, 'a', 2); UPDATE events SET tenant_id = 'b'";
    await pool.query(`DO $$ BEGIN EXECUTE format(
        'CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
        host(inet_server_addr()), inet_server_port(), current_database()); END $$`);
    const { user, password } = new pg.Client(url);
    await pool.query(`CREATE USER MAPPING FOR CURRENT_USER SERVER itself OPTIONS (user '${user}', password '${password}');
      CREATE FOREIGN TABLE events_2 PARTITION OF events FOR VALUES IN (2) SERVER itself OPTIONS (table_name 'far', schema_name 'public')`);
    await feed.install();
    await pool.query(write);
    assert.deepEqual(await noted(), []);
    const problems = await feed.verify();
    assert.deepEqual(
      problems.map(({ kind, detail }) => `${kind} ${detail}`),
      ["no-table events_2"],
    );
    await pool.query("ALTER TABLE events DETACH PARTITION events_2");
    await feed.install();
    assert.deepEqual(await feed.verify(), []);
    await pool.query("UPDATE events SET tenant_id = 'c'");
    assert.deepEqual(await noted(), ["b events", "c events"]);
  });

  test("of inheritance as well", async () => {
    const { pool, noted } = await openFeedDatabase(
      { tables: { events: { module: "events", tenant: "tenant_id" } } },
      "CREATE TABLE events (id int, tenant_id text); CREATE TABLE child (more int) INHERITS (events); INSERT INTO child VALUES (1, 'a', 1)",
    );
    await pool.query("UPDATE events SET id = 2");
    assert.deepEqual(await noted(), ["a events"]);
    await pool.query("UPDATE child SET id = 3");
    assert.deepEqual(await noted(), ["a events"]);
  });
});

describe("whoever writes", () => {
  test("with session_replication_role = replica is noted", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query(
      "BEGIN; SET LOCAL session_replication_role = replica; UPDATE accounts SET name = 'r' WHERE id = 1; COMMIT",
    );
    assert.deepEqual(await noted(), ["t1 accounts", "t1 accounts accounts-1"]);
  });

  test("needs no rights of the feed's, and forced row security hides nothing", async () => {
    const { pool, noted } = await openFeedDatabase();
    const role = `writer_${Date.now()}`;
    await pool.query(`CREATE ROLE ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO ${role};
      ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY;
      CREATE POLICY own ON orders USING (tenant_id = current_setting('app.tenant', true))`);
    afterTest(() => pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
    await pool.query(
      `BEGIN; SET LOCAL ROLE ${role}; SET LOCAL app.tenant = 't1'; UPDATE orders SET total = 8; COMMIT`,
    );
    assert.deepEqual(await noted(), ["t1 orders"]);
    const readsFeed = pool.query(`BEGIN; SET LOCAL ROLE ${role}; SELECT * FROM etc_feed.changes`);
    await assert.rejects(readsFeed, /permission denied/);
  });

  test("cannot be tricked into objects of its own", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query(`BEGIN; CREATE TEMP TABLE changes (LIKE etc_feed.changes); SET LOCAL search_path = pg_temp, public;
      UPDATE public.orders SET total = 8 WHERE id = 1; COMMIT`);
    assert.deepEqual(await noted(), ["t1 orders"]);
  });

  test("does not wait for another who writes for the same tenant", async () => {
    const { pool } = await openFeedDatabase();
    const [one, two] = [await pool.connect(), await pool.connect()];
    try {
      await one.query("BEGIN; UPDATE orders SET total = 1 WHERE id = 1");
      await two.query(
        "BEGIN; SET LOCAL lock_timeout = '500ms'; UPDATE orders SET total = 1 WHERE id = 3; COMMIT",
      );
      await one.query("COMMIT");
    } finally {
      one.release();
      two.release();
    }
  });
});

/** The text protocol of COPY, without a package of its own. */
async function copyIn(client: pg.PoolClient, sql: string, rows: string): Promise<void> {
  const { connection } = client as unknown as { connection: pg.Connection & CopyConnection };
  const copied = new Promise<void>((resolve, reject) => {
    client.query({
      submit() {
        connection.query(sql);
      },
      handleRowDescription() {},
      handleCopyInResponse() {
        connection.sendCopyFromChunk(Buffer.from(rows));
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleReadyForQuery: () => resolve(),
      handleError: reject,
    } as unknown as pg.Submittable);
  });
  await copied;
}

interface CopyConnection {
  query(sql: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}
