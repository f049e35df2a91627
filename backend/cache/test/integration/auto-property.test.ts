// Random statements and random writes: whenever what a statement shows has changed, the fences that its answer carries have been replaced.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import fc from "fast-check";
import { concludingFrom, SCHEMA, TABLES } from "../support/auto-statements.js";
import { openFeedDatabase } from "../support/feed-database.js";

const STATEMENTS = 150;
const WRITES = 30;
/** So that a failure is seen again. */
const SEED = 20261129;

const FILLED = `
  INSERT INTO accounts SELECT n, 't' || n % 3, 'n' || n % 2, n - 1 FROM generate_series(1, 9) n;
  INSERT INTO orders SELECT n, 't' || n % 3, n, n % 4, '2020-01-01' FROM generate_series(1, 9) n;
  INSERT INTO events SELECT n, 't' || n % 3, '2020-06-01' FROM generate_series(1, 4) n;
  INSERT INTO children SELECT n, 't' || n % 3, n FROM generate_series(1, 4) n;
  INSERT INTO twins SELECT n, 't' || n % 3 FROM generate_series(1, 4) n;
  INSERT INTO rates SELECT n, n, 't' || n % 3 FROM generate_series(1, 4) n;
`;

/** All of them have the columns `id` and `t`. */
const base = fc.constantFrom(
  ...["accounts", "orders", "events", "parents", "children", "twins", "active", "newest", "rates"].map(
    (name) => `SELECT id, tenant_id AS t FROM ${name}`,
  ),
  "SELECT total AS id, tenant_id AS t FROM totals",
  "SELECT id, whose AS t FROM busy",
  "SELECT place AS id, tenant_id AS t FROM ranked",
  "SELECT id, tenant_id AS t FROM of_tenant('t1')",
  "SELECT id, tenant_id AS t FROM of_named('t2')",
  "SELECT id, tenant_id AS t FROM of_atomic('t1')",
  "SELECT doubled(id) AS id, tenant_id AS t FROM accounts",
);
/** Often enough that of the request's tenant. */
const own = fc.constantFrom(
  "x.t = 't1'",
  "x.t = 't1'",
  "'t1' = x.t",
  "x.t IN ('t1')",
  "x.t = 't2'",
  "x.id < 5",
  "NOT x.t = 't1'",
);
const both = fc.constantFrom(
  "x.t = y.t",
  "x.t = y.t",
  "x.id = y.id",
  "x.t = y.t AND y.t = 't1'",
  "x.t = y.t OR x.id = 1",
  "y.t = 't1'",
);
const join = fc.constantFrom("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN");

const { query } = fc.letrec<{ query: string; part: string }>((tie) => ({
  part: fc.oneof({ depthSize: "small" }, base, tie("query")),
  query: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.tuple(base, own).map(([of, and]) => `SELECT x.id, x.t FROM (${of}) x WHERE ${and}`),
    fc
      .tuple(tie("part"), own, own)
      .map(([of, a, b]) => `SELECT x.id, x.t FROM (${of}) x WHERE ${a} AND ${b}`),
    fc
      .tuple(tie("part"), tie("part"), join, both, own, fc.constantFrom("x", "y"))
      .map(
        ([a, b, how, on, and, of]) =>
          `SELECT ${of}.id, ${of}.t FROM (${a}) x ${how} (${b}) y ON ${on} WHERE ${and}`,
      ),
    fc
      .tuple(tie("part"), tie("part"))
      .map(([a, b]) => `SELECT id, t FROM (${a}) x NATURAL JOIN (${b}) y WHERE t = 't1'`),
    fc
      .tuple(tie("part"), tie("part"), own)
      .map(([a, b, and]) => `SELECT x.id, x.t FROM ((${a}) UNION ALL (${b})) x WHERE ${and}`),
    fc
      .tuple(tie("part"), tie("part"), own)
      .map(([a, b, and]) => `SELECT x.id, x.t FROM ((${a}) EXCEPT (${b})) x WHERE ${and}`),
    fc
      .tuple(tie("part"), own)
      .map(([of, and]) => `SELECT max(x.id) AS id, x.t FROM (${of}) x WHERE ${and} GROUP BY x.t`),
    fc
      .tuple(tie("part"), own)
      .map(
        ([of, and]) =>
          `SELECT x.id, x.t FROM (SELECT count(*) AS id, t FROM (${of}) i GROUP BY 2) x WHERE ${and}`,
      ),
    fc
      .tuple(tie("part"), own)
      .map(
        ([of, and]) =>
          `SELECT x.id, x.t FROM (SELECT rank() OVER (ORDER BY i.id) AS id, i.t FROM (${of}) i) x WHERE ${and}`,
      ),
    fc
      .tuple(tie("part"), own)
      .map(
        ([of, and]) =>
          `SELECT x.id, x.t FROM (SELECT i.id, i.t FROM (${of}) i ORDER BY 1, 2 LIMIT 2) x WHERE ${and}`,
      ),
    fc
      .tuple(tie("part"), own, both)
      .map(([of, and, on]) => `WITH c AS (${of}) SELECT x.id, y.t FROM c x JOIN c y ON ${on} WHERE ${and}`),
    fc
      .tuple(tie("part"), tie("part"), own, both)
      .map(
        ([a, b, and, on]) =>
          `SELECT x.id, x.t FROM (${a}) x WHERE ${and} AND EXISTS (SELECT 1 FROM (${b}) y WHERE ${on})`,
      ),
    fc
      .tuple(tie("part"), tie("part"), own, both)
      .map(
        ([a, b, and, on]) =>
          `SELECT (SELECT count(*) FROM (${b}) y WHERE ${on}) AS id, x.t FROM (${a}) x WHERE ${and}`,
      ),
    fc
      .tuple(tie("part"), tie("part"), own, both)
      .map(
        ([a, b, and, on]) =>
          `SELECT z.id, x.t FROM (${a}) x, LATERAL (SELECT y.id FROM (${b}) y WHERE ${on} ORDER BY 1 LIMIT 1) z WHERE ${and}`,
      ),
    fc
      .tuple(tie("part"), own)
      .map(
        ([of, and]) =>
          `SELECT x.id, x.t FROM (SELECT i.id, coalesce(i.t, 't1') AS t FROM (${of}) i) x WHERE ${and}`,
      ),
    fc
      .tuple(tie("part"), own)
      .map(([of, and]) =>
        `SELECT x.a, x.b FROM (${of}) x(a, t), (SELECT 1 AS id, 't1' AS t) b WHERE ${and.replaceAll("x.t", "b.t").replaceAll("x.id", "b.id")}`.replace(
          "x.a, x.b",
          "x.a AS id, x.t",
        ),
      ),
  ),
}));

const table = fc.constantFrom(
  "accounts",
  "orders",
  "events",
  "parents",
  "children",
  "twins",
  "other.twins",
  "rates",
);
const tenant = fc.constantFrom("t0", "t1", "t2");
const id = fc.integer({ min: 1, max: 10 });
const write = fc.oneof(
  fc
    .tuple(table, tenant, id)
    .map(([of, whose, n]) => `UPDATE ${of} SET tenant_id = '${whose}' WHERE id = ${n}`),
  fc
    .tuple(table, tenant)
    .map(([of, whose]) => `UPDATE ${of} SET id = id + 20 WHERE tenant_id = '${whose}' AND id < 4`),
  fc.tuple(table, id).map(([of, n]) => `DELETE FROM ${of} WHERE id = ${n}`),
  tenant.map((whose) => `UPDATE orders SET total = total + 1 WHERE tenant_id = '${whose}'`),
  tenant.map((whose) => `UPDATE accounts SET name = '' WHERE tenant_id = '${whose}' AND id % 2 = 0`),
  fc
    .tuple(fc.constantFrom("twins", "parents"), tenant, id)
    .map(([of, whose, n]) => `INSERT INTO ${of} VALUES (${n}, '${whose}')`),
);

test("an entry is fenced whenever its result changes", async () => {
  const { pool, noted } = await openFeedDatabase({ tables: TABLES, probeMs: 0 }, SCHEMA + FILLED);
  const concluded = await concludingFrom(pool);
  const shown = async (sql: string): Promise<string> => {
    const { rows } = await pool.query(
      `SELECT json_agg(json_build_array(r.id, r.t) ORDER BY r.id, r.t) AS shown FROM (${sql}) r`,
    );
    return JSON.stringify(rows[0].shown);
  };
  const [asked = []] = fc.sample(fc.array(query, { minLength: STATEMENTS, maxLength: STATEMENTS }), {
    seed: SEED,
    numRuns: 1,
  });
  const [writes = []] = fc.sample(fc.array(write, { minLength: WRITES, maxLength: WRITES }), {
    seed: SEED,
    numRuns: 1,
  });
  const known = [...new Set(asked)]
    .filter((sql) => sql.length < 4000)
    .map((sql) => ({ sql, said: concluded(sql), last: "" }));
  for (const each of known) each.last = await shown(each.sql);
  const stored = known.filter(({ said }) => said !== "all-tenants");
  assert.deepEqual(
    stored.filter(({ said }) => said.includes("-")).map(({ sql, said }) => `${said}: ${sql}`),
    [],
  );
  let changed = 0;
  let missed = 0;
  for (const sql of writes) {
    await pool.query(sql);
    const changes = await noted();
    for (const each of known) {
      const now = await shown(each.sql);
      if (now === each.last) continue;
      const isFenced = changes.some((change) => {
        const [whose, module = ""] = change.split(" ");
        return whose === "*" || (whose === "t1" && each.said.split(" ").includes(module));
      });
      if (each.said === "all-tenants") missed += isFenced ? 0 : 1;
      else {
        changed++;
        assert.ok(
          isFenced,
          `${sql}\nnoted ${changes.join(", ")}, and has changed what depends on "${each.said}":\n${each.sql}\n${each.last}\n${now}`,
        );
      }
      each.last = now;
    }
  }
  // Enough of both kinds, or nothing has been tried.
  assert.ok(stored.length > STATEMENTS / 10, `${stored.length} of ${known.length} are stored`);
  assert.ok(changed > 10, `${changed} changes of what is stored`);
  assert.ok(missed > 20, `${missed} changes that would have been missed`);
});
