// Random statements of one session: what the feed notes is compared with what has changed in the table, row by row.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import fc from "fast-check";
import type pg from "pg";
import { openFeedDatabase } from "../support/feed-database.js";

const RUNS = 40;
/** So that a failure is seen again. */
const SEED = 20261129;
const MAX_TAGS = 3;

/** Each change of a row, also by a foreign key, gives it a `touch` of its own. Rows move to the other partition by `part`. */
const COLUMNS = "id int NOT NULL, tenant text, folder text, part int NOT NULL, boss int, touch int";
const SCHEMA = `
  CREATE SEQUENCE touches;
  CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touch := nextval('touches'); RETURN NEW; END $$;
  CREATE TABLE whole (${COLUMNS}, PRIMARY KEY (id), FOREIGN KEY (boss) REFERENCES whole ON UPDATE CASCADE ON DELETE CASCADE);
  CREATE TABLE parted (${COLUMNS}, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
  CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
  CREATE TABLE parted_1 (touch int, folder text, gone int, tenant text, part int NOT NULL, boss int, id int NOT NULL);
  ALTER TABLE parted_1 DROP COLUMN gone;
  ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1);
  CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON whole FOR EACH ROW EXECUTE FUNCTION touched();
  CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION touched();
`;
const DECLARED = { tenant: "tenant", tags: { id: "id-", folder: "folder-" } } as const;
const KEYS = { whole: "id", parted: "id, part" } as const;
/** Of a statement that a constraint has refused, that would change a row twice, or that a trigger keeps from its partition. */
const REFUSED = /^(?:0A|21|23)/;

const id = fc.integer({ min: 1, max: 8 });
const value = fc.constantFrom("'1'", "'2'", "'3'", "NULL");
const part = fc.constantFrom(0, 1);
const row = fc
  .tuple(id, value, value, part, fc.oneof(fc.constant("NULL"), id))
  .map(([...values]) => `(${values.join(", ")})`);
const rows = fc.array(row, { minLength: 1, maxLength: 5 }).map((all) => all.join(", "));
const where = fc.oneof(
  id.map((of) => `r.id = ${of}`),
  id.map((of) => `r.id < ${of}`),
  part.map((of) => `r.part = ${of}`),
  value.map((of) => `r.tenant::text = ${of}`),
);
const set = fc.oneof(
  fc.constant("touch = 0"),
  value.map((to) => `tenant = ${to}`),
  value.map((to) => `folder = ${to}`),
  id.map((to) => `id = ${to}`),
  fc.constant("part = 1 - r.part"),
  fc
    .tuple(value, value)
    .map(([tenant, folder]) => `tenant = ${tenant}, folder = ${folder}, part = 1 - r.part`),
);
const INSERT = "INSERT INTO $table AS r (id, tenant, folder, part, boss)";
const SOURCE = "s (id, tenant, folder, part, boss)";

/** `$table` is one of the two; `$one` that, or one of its partitions. */
const statement = fc.oneof(
  rows.map((of) => `INSERT INTO $one (id, tenant, folder, part, boss) VALUES ${of}`),
  rows.map((of) => `${INSERT} VALUES ${of} ON CONFLICT ($key) DO NOTHING`),
  fc.tuple(row, set).map(([of, to]) => `${INSERT} VALUES ${of} ON CONFLICT ($key) DO UPDATE SET ${to}`),
  fc
    .tuple(rows, where)
    .map(
      ([of, which]) =>
        `${INSERT} SELECT DISTINCT ON (id) * FROM (VALUES ${of}) AS ${SOURCE} ON CONFLICT ($key) DO UPDATE SET tenant = excluded.tenant WHERE ${which}`,
    ),
  fc.tuple(set, where).map(([to, which]) => `UPDATE $one AS r SET ${to} WHERE ${which}`),
  fc.tuple(set, where).map(([to, which]) => `UPDATE $table AS r SET ${to} WHERE ${which}`),
  where.map((which) => `DELETE FROM $one AS r WHERE ${which}`),
  fc
    .tuple(set, where, where)
    .map(
      ([to, which, goes]) =>
        `WITH gone AS (DELETE FROM $table AS r WHERE ${goes}) UPDATE $table AS r SET ${to} WHERE ${which} AND NOT (${goes})`,
    ),
  fc.tuple(rows, where, set).map(
    ([of, which, to]) =>
      `MERGE INTO $table AS r USING (SELECT DISTINCT ON (id) id, tenant, folder, part, boss FROM (VALUES ${of}) AS ${SOURCE}) AS s ON r.id = s.id
          WHEN MATCHED AND ${which} THEN DELETE WHEN MATCHED THEN UPDATE SET ${to}
          WHEN NOT MATCHED THEN INSERT (id, tenant, folder, part, boss) VALUES (s.id, s.tenant$cast, s.folder$cast, s.part, s.boss)`,
  ),
);
const change = fc.oneof(
  { weight: 12, arbitrary: statement },
  { weight: 1, arbitrary: fc.constant("TRUNCATE $one CASCADE") },
);
type Unit =
  | { readonly kind: "statement"; readonly sql: string }
  | { readonly kind: "transaction"; readonly isolation: string; readonly parts: readonly Part[] }
  | { readonly kind: "type"; readonly column: "tenant" | "folder"; readonly type: string };
type Part = { readonly sql: string; readonly isUndone: boolean };

const unit: fc.Arbitrary<Unit> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("statement" as const), sql: change }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("transaction" as const),
      isolation: fc.constantFrom("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"),
      parts: fc.array(fc.record({ sql: change, isUndone: fc.boolean() }), { minLength: 2, maxLength: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("type" as const),
      column: fc.constantFrom("tenant" as const, "folder" as const),
      type: fc.constantFrom("int", "text", "char(3)", "varchar(9)", "numeric(4)", "numeric", "bigint"),
    }),
  },
);

/** What rows are called while the session goes on: a cached plan must follow. */
interface World {
  readonly client: pg.PoolClient;
  readonly table: "whole" | "parted";
  readonly one: string;
  readonly hasMerge: boolean;
  tenant: string;
  folder: string;
}

test.each(["whole", "parted"] as const)("of each row that has changed in the table %s", async (table) => {
  const { pool, noted } = await openFeedDatabase(
    {
      tables: { whole: { ...DECLARED, module: "whole" }, parted: { ...DECLARED, module: "parted" } },
      maxTags: MAX_TAGS,
    },
    SCHEMA,
  );
  const client = await pool.connect();
  try {
    const { rows: versions } = await client.query(
      "SELECT current_setting('server_version_num')::int AS version",
    );
    const hasMerge = versions[0].version >= 150_000;
    const ones = table === "whole" ? ["whole"] : ["parted", "parted_0", "parted_1"];
    let changed = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ones),
        fc.array(unit, { minLength: 6, maxLength: 25 }),
        async (one, units) => {
          const world: World = { client, table, one, hasMerge, tenant: "text", folder: "text" };
          await client.query(
            `ROLLBACK; TRUNCATE ${table}; ${typed(table, "tenant", "text")}; ${typed(table, "folder", "text")}`,
          );
          await noted();
          for (const each of units) {
            const before = await rowsOf(world);
            const isRun = await run(world, each);
            const after = await rowsOf(world);
            const notes = (await noted()).map((note) => note.split(" "));
            const rowsChanged = [
              ...[...before].filter(([touch]) => !after.has(touch)),
              ...[...after].filter(([touch]) => !before.has(touch)),
            ].map(([, of]) => of);
            changed += rowsChanged.length;
            const about = JSON.stringify({ each, rowsChanged, notes });
            for (const of of rowsChanged) assert.ok(isCovered(of, notes), `not noted: ${about}`);
            if (!isRun) assert.deepEqual(notes, [], about);
            // A transaction may take back what it has done, and a foreign key delete what the statement has just changed.
            if (
              table === "parted" &&
              each.kind === "statement" &&
              !each.sql.includes("TRUNCATE") &&
              isExact(world.tenant)
            )
              for (const [tenant] of notes)
                assert.ok(
                  rowsChanged.some((of) => (of.tenant ?? "*") === tenant),
                  `nothing of it has changed: ${about}`,
                );
          }
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
    assert.ok(changed > RUNS * 5, `only ${changed} rows have changed`);
  } finally {
    client.release();
  }
});

interface Row {
  readonly tenant: string | null;
  readonly tags: readonly string[];
}

/** By their touches. */
async function rowsOf({ client, table }: World): Promise<Map<number, Row>> {
  const { rows: all } = await client.query(
    `SELECT touch, tenant::text AS tenant, array_remove(ARRAY['id-' || id, 'folder-' || folder::text], NULL) AS tags FROM ${table}`,
  );
  return new Map(all.map(({ touch, tenant, tags }) => [touch, { tenant, tags }]));
}

const isExact = (type: string) => type !== "numeric";

function isCovered({ tenant, tags }: Row, notes: readonly string[][]): boolean {
  const own = notes.filter(([of]) => of === tenant).map(([, , tag]) => tag);
  if (notes.some(([of]) => of === "*")) return true;
  return own.includes(undefined) && (own.includes("*") || tags.every((tag) => own.includes(tag)));
}

/** Whether it was run; not, where a constraint refuses it. */
async function run(world: World, each: Unit): Promise<boolean> {
  const { client, table } = world;
  if (each.kind === "type") {
    world[each.column] = each.type;
    await client.query(typed(table, each.column, each.type));
    return true;
  }
  if (each.kind === "statement") return await tried(world, each.sql);
  await client.query(`BEGIN ISOLATION LEVEL ${each.isolation}`);
  for (const { sql, isUndone } of each.parts) {
    await client.query("SAVEPOINT s");
    if (!(await tried(world, sql)) || isUndone) await client.query("ROLLBACK TO s");
  }
  await client.query("COMMIT");
  return true;
}

async function tried(
  { client, table, one, hasMerge, tenant, folder }: World,
  template: string,
): Promise<boolean> {
  if (template.startsWith("MERGE") && !hasMerge) return false;
  const sql = template
    .replaceAll("$table", table)
    .replaceAll("$one", one)
    .replaceAll("$key", KEYS[table])
    .replace("$cast", `::${tenant}`)
    .replace("$cast", `::${folder}`)
    .replace(
      "SELECT DISTINCT ON (id) *",
      `SELECT DISTINCT ON (id) id, tenant::${tenant}, folder::${folder}, part, boss::int`,
    )
    .replace("s.boss)", "s.boss::int)");
  try {
    await client.query(sql);
    return true;
  } catch (error) {
    if (REFUSED.test((error as pg.DatabaseError).code ?? "")) return false;
    throw new Error(`${sql}: ${(error as Error).message}`, { cause: error });
  }
}

const typed = (table: string, column: string, type: string): string =>
  `ALTER TABLE ${table} ALTER ${column} TYPE ${type} USING trim(${column}::text)::${type}`;
