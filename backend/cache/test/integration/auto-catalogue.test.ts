// What becomes of entries when the catalogue that they were concluded from changes.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { type AutoApp, openAutoApp } from "../support/auto-app.js";

const PAST_MS = 270;
let app: AutoApp;

beforeEach(async () => {
  app = await openAutoApp({
    more: "CREATE VIEW named AS SELECT id, tenant_id, name AS shown FROM accounts",
  });
  await app.awake();
});

test("a view that is defined anew is read anew, also by who has concluded from the old one", async () => {
  app.select("view", "SELECT id, shown FROM named WHERE tenant_id = $1 ORDER BY id");
  await app.warm("view");
  await app.pool.query(
    "CREATE OR REPLACE VIEW named AS SELECT id, tenant_id, total::text AS shown FROM orders",
  );
  await until("the old one is gone", async () => (await app.read("view")).body.includes('"shown":"1"'));
  await app.warm("view");
  await app.pool.query("UPDATE orders SET total = 77 WHERE tenant_id = 't1' AND id = 1");
  await delay(PAST_MS);
  assert.match((await app.read("view")).body, /"shown":"77"/);
});

test("a table that is made later, and covered, is known then", async () => {
  app.select("rates", "SELECT r.value FROM rates r, added a WHERE a.id = r.id");
  await app.pool.query("CREATE TABLE added (id int, tenant_id text)");
  for (let n = 0; n < 2; n++)
    assert.equal((await app.read("rates")).status, "fwd=miss; detail=unknown-table");
  app.select("view", "SELECT id, name FROM accounts WHERE tenant_id = $1 AND renamed");
  await app.pool.query("ALTER TABLE accounts ADD COLUMN renamed boolean DEFAULT true");
  await app.warm("view");
});

test("a column that is added is in the next answer", async () => {
  app.select("all", "SELECT * FROM accounts WHERE tenant_id = $1 ORDER BY id");
  await app.warm("all");
  await app.pool.query("ALTER TABLE accounts ADD COLUMN added int DEFAULT 5");
  await until("it is there", async () => (await app.read("all")).body.includes('"added":5'));
});

test("a partition that is added without triggers makes its module miss, and no other", async () => {
  await app.pool.query("CREATE TABLE more (extra int) INHERITS (accounts)");
  app.select("accounts", "SELECT id FROM accounts WHERE tenant_id = $1");
  app.select("orders", "SELECT id FROM orders WHERE tenant_id = $1");
  await until("it is found", async () => /unknown-table|uncovered/.test((await app.read("accounts")).status));
  await app.warm("orders");
  await app.feed.install();
  await app.warm("accounts");
  await app.pool.query("INSERT INTO more VALUES (99, 't1', 'new', 1)");
  await delay(PAST_MS);
  assert.match((await app.read("accounts")).body, /99/);
});

test("a trigger that is disabled: only what reads its table misses", async () => {
  app.select("accounts", "SELECT id FROM accounts WHERE tenant_id = $1");
  app.select("orders", "SELECT id FROM orders WHERE tenant_id = $1");
  await app.pool.query("ALTER TABLE orders DISABLE TRIGGER etc_feed_update");
  await until("it is found", async () => (await app.read("orders")).status.includes("uncovered"));
  await app.warm("accounts");
  assert.equal((await app.read("orders")).status, "fwd=miss; detail=uncovered");
});

test("a pool of another user, with settings of its own, sees the same catalogue", async () => {
  const other = await openAutoApp({
    pool: async (url) => {
      const admin = new pg.Client(url);
      await admin.connect();
      const role = `auto_other_${process.pid}`;
      await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'; GRANT SELECT ON accounts TO ${role}`);
      const own = new URL(url);
      own.username = role;
      own.password = role;
      const options =
        "-c TimeZone=Asia/Tokyo -c DateStyle=German -c search_path=nowhere,public -c extra_float_digits=0";
      const pool = new pg.Pool({ connectionString: own.href, options });
      afterTest(async () => {
        await pool.end();
        await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
        await admin.end();
      });
      return pool;
    },
  });
  await other.awake();
});

test("explain and the event say what was read, or which part of it is not known", async () => {
  const heard: unknown[] = [];
  app.cache.events.on("reads", ({ modules, tables, detail, dependsOn }) =>
    heard.push({ modules, tables, detail, dependsOn }),
  );
  app.select("page", "SELECT shown, now() FROM named WHERE tenant_id = $1");
  await app.read("page");
  await until("it is told", () => heard.length === 1);
  assert.deepEqual(heard, [
    { modules: ["accounts"], tables: ["public.accounts"], detail: "changing-value", dependsOn: "auto" },
  ]);
});

test("a catalogue that is read too late for whoever has asked is known from then on", async () => {
  const late = await openAutoApp({
    pool: (url) => {
      const pool = new pg.Pool({ connectionString: url });
      afterTest(() => pool.end());
      const query = pool.query.bind(pool) as (text: string, values?: unknown[]) => Promise<unknown>;
      // As where requests wait for a connection for longer than a look has: see `read-tracker.ts`.
      const slow = async (text: string, values?: unknown[]) => {
        if (text.includes("pg_proc")) await delay(5200);
        return query(text, values);
      };
      pool.query = slow as unknown as typeof pool.query;
      return pool;
    },
  });
  late.select("accounts", "SELECT id FROM accounts WHERE tenant_id = $1");
  await late.warm("accounts");
});
