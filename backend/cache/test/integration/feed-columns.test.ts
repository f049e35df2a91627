// What the feed's triggers make of columns: generated, gone, empty, of any type and name.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { openFeedDatabase } from "../support/feed-database.js";

test("a stored generated column is a tenant or a tag; of a virtual one (PostgreSQL 18) all tenants are noted", async () => {
  const tables = { notes: { module: "notes", tenant: "tenant_id", tags: ["slug"] } };
  const schema = (kind: string) =>
    `CREATE TABLE notes (id int, tenant_id text, title text, slug text GENERATED ALWAYS AS (lower(title)) ${kind})`;
  const stored = await openFeedDatabase({ tables }, schema("STORED"));
  await stored.pool.query("INSERT INTO notes VALUES (1, 'a', 'X')");
  assert.deepEqual(await stored.noted(), ["a notes", "a notes notes-x"]);
  const { rows } = await stored.pool.query("SHOW server_version_num");
  if (Number(rows[0].server_version_num) < 180_000) return;
  const virtual = (of: string) => `slug text GENERATED ALWAYS AS (${of}) VIRTUAL`;
  const { pool, noted, feed } = await openFeedDatabase({ tables }, schema("VIRTUAL"));
  const problems = await feed.verify();
  assert.deepEqual(
    problems.map(({ kind, detail }) => `${kind} ${detail}`),
    ["virtual-column notes.slug"],
  );
  await pool.query("INSERT INTO notes VALUES (1, 'a', 'X')");
  assert.deepEqual(await noted(), ["* notes"]);
  await pool.query("UPDATE notes SET title = 'Y'");
  assert.deepEqual(await noted(), ["* notes"]);
  // Nothing but the declared columns, in their order; and a tenant that is virtual.
  const bare = await openFeedDatabase({ tables }, `CREATE TABLE notes (tenant_id text, ${virtual("'x'")})`);
  await bare.pool.query("INSERT INTO notes VALUES ('a'); UPDATE notes SET tenant_id = 'b'");
  assert.deepEqual(await bare.noted(), ["* notes"]);
  const ofNobody = await openFeedDatabase(
    { tables: { notes: { module: "notes", tenant: "slug" } } },
    `CREATE TABLE notes (${virtual("'x'")}, id int)`,
  );
  await ofNobody.pool.query("INSERT INTO notes (id) VALUES (1)");
  assert.deepEqual(await ofNobody.noted(), ["* notes"]);
  await ofNobody.pool.query("DELETE FROM notes");
  assert.deepEqual(await ofNobody.noted(), ["* notes"]);
});

describe("columns of a declared table", () => {
  test("goes on where a declared column is gone: all tenants are noted", async () => {
    const { pool, noted } = await openFeedDatabase();
    await pool.query("UPDATE orders SET total = 1 WHERE id = 1");
    await pool.query("ALTER TABLE orders RENAME COLUMN tenant_id TO owner_id");
    await noted();
    await pool.query("UPDATE orders SET total = 2 WHERE id = 1");
    assert.deepEqual(await noted(), ["* orders"]);
    await pool.query("UPDATE orders SET total = 2 WHERE false");
    assert.deepEqual(await noted(), []);
    await pool.query("UPDATE orders SET total = 3");
    assert.deepEqual(await noted(), ["* orders"]);
    await pool.query("DELETE FROM orders");
    assert.deepEqual(await noted(), ["* orders"]);
    await pool.query("INSERT INTO orders VALUES (30, 't1', NULL, 1)");
    assert.deepEqual(await noted(), ["* orders"]);
  });

  test("may leave tags empty, and change them", async () => {
    const tables = { notes: { module: "notes", tenant: "tenant_id", tags: ["id", "folder"] } };
    const { pool, noted } = await openFeedDatabase(
      { tables },
      "CREATE TABLE notes (id int, tenant_id text, folder text)",
    );
    const inFolder = (folder: string) => ["a notes", "a notes notes-1", `a notes notes-${folder}`];
    await pool.query("INSERT INTO notes VALUES (1, 'a', NULL)");
    assert.deepEqual(await noted(), ["a notes", "a notes notes-1"]);
    await pool.query("UPDATE notes SET folder = 'x'");
    assert.deepEqual(await noted(), inFolder("x"));
    await pool.query("UPDATE notes SET folder = 'x'");
    assert.deepEqual(await noted(), inFolder("x"));
    await pool.query("UPDATE notes SET folder = 'y'");
    assert.deepEqual(await noted(), [...inFolder("x"), "a notes notes-y"]);
    await pool.query("UPDATE notes SET folder = NULL");
    assert.deepEqual(await noted(), inFolder("y"));
    await pool.query("UPDATE notes SET tenant_id = NULL");
    assert.deepEqual(await noted(), ["* notes", "* notes notes-1", "a notes", "a notes notes-1"]);
    await pool.query("DELETE FROM notes");
    assert.deepEqual(await noted(), ["* notes", "* notes notes-1"]);
  });

  test("may call columns and tenants as they like", async () => {
    const { pool, noted } = await openFeedDatabase(
      { tables: { '"Or""ders"': { module: "orders", tenant: "here", tags: { 'is"few': "order-" } } } },
      'CREATE TABLE "Or""ders" (here uuid, "is""few" text)',
    );
    const tenant = "0197a5b0-0000-7000-8000-00000000000a";
    await pool.query(`INSERT INTO "Or""ders" VALUES ('${tenant}', repeat('x', 500)), ('${tenant}', NULL)`);
    assert.deepEqual(await noted(), [`${tenant} orders`, `${tenant} orders order-${"x".repeat(122)}`]);
  });

  test("may be called as the function calls its own", async () => {
    const tables = { gone: { module: "own", tenant: "c0", tags: { cut: "x-", value0: "y-", here: "z-" } } };
    const columns = ["c0", "cut", "value0", "here", "changed", "tag", "is_plain"].map(
      (name) => `${name} text`,
    );
    const { pool, noted } = await openFeedDatabase({ tables }, `CREATE TABLE gone (${columns.join(", ")})`);
    const own = (tenant: string) => ["", " x-1", " y-2", " z-3"].map((tag) => `${tenant} own${tag}`);
    await pool.query("INSERT INTO gone VALUES ('a', 1, 2, 3)");
    assert.deepEqual(await noted(), own("a"));
    await pool.query("UPDATE gone SET tag = 'b'");
    assert.deepEqual(await noted(), own("a"));
    await pool.query("UPDATE gone SET c0 = 'b'");
    assert.deepEqual(await noted(), [...own("a"), ...own("b")]);
    await pool.query("INSERT INTO gone SELECT 'b', 1, 2, 3 FROM generate_series(1, 200)");
    assert.deepEqual(await noted(), ["b own", "b own *"]);
    await pool.query("DELETE FROM gone");
    assert.deepEqual(await noted(), ["b own", "b own *"]);
  });
});
