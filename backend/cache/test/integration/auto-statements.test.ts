// What is concluded of statements: the modules behind them, whose rows they are, and what makes their answers uncacheable.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { openStatements, type World } from "../support/auto-statements.js";

let world: World;
beforeAll(async () => {
  world = await openStatements();
});
afterAll(() => world.close());

type Case = readonly [sql: string, concluded: string, values?: readonly unknown[]];

function cases(list: readonly Case[]): void {
  // A third parameter would be a callback of Jest's.
  test.each(list)("%s: %s", (...[sql, concluded, values]: Case) => {
    assert.equal(world.concluded(sql, values), concluded);
  });
}

describe("tables", () => {
  cases([
    ["SELECT * FROM accounts WHERE tenant_id = $1", "accounts"],
    [
      "SELECT a.* FROM public.accounts AS a WHERE $1 = a.tenant_id AND (a.id > 3 OR a.name = 'x')",
      "accounts",
    ],
    [
      'SELECT "public"."accounts"."id" FROM "public"."accounts" WHERE "public"."accounts"."tenant_id" = $1',
      "accounts",
    ],
    ["SELECT * FROM accounts WHERE tenant_id IN ($1) ORDER BY lower(name) LIMIT 10 OFFSET 2", "accounts"],
    ["SELECT count(*) FROM accounts WHERE tenant_id = 't1'", "accounts"],
    ["SELECT * FROM rates", "rates"],
    ["SELECT * FROM invoices WHERE org = $1::uuid", "invoices", ["6f1c0c4e-0b5a-4d7e-9a53-1f0d3c2b1a00"]],
    ["SELECT * FROM counters WHERE tenant_id = $1", "counters", [7]],
    ["SELECT * FROM counters WHERE tenant_id = $1::int", "counters", ["7"]],
    ["SELECT * FROM events WHERE tenant_id = $1", "events"],
    ["SELECT * FROM events_new WHERE tenant_id = $1", "events"],
    ["SELECT * FROM parents WHERE tenant_id = $1", "parents"],
    ["SELECT * FROM children WHERE tenant_id = $1", "parents"],
    ["SELECT * FROM twins WHERE tenant_id = $1", "others twins"],
    ["SELECT * FROM other.twins WHERE tenant_id = $1", "others"],
    ["TABLE rates", "rates"],
    ["VALUES (1), (2)", ""],
    ["SELECT * FROM plain WHERE tenant_id = $1", "unknown-table"],
    ["SELECT * FROM missing", "unknown-table"],
    ["SELECT * FROM pg_class", "unknown-table"],
    ["SELECT * FROM information_schema.tables", "unknown-table"],
    ["SELECT * FROM kept WHERE tenant_id = $1", "materialized-view"],
  ]);
});

describe("tenants", () => {
  cases([
    ["SELECT count(*) FROM accounts", "all-tenants"],
    ["SELECT * FROM accounts WHERE tenant_id = $1", "all-tenants", ["t2"]],
    ["SELECT * FROM accounts WHERE tenant_id = $1 OR id = 1", "all-tenants"],
    ["SELECT * FROM accounts WHERE NOT tenant_id = $1", "all-tenants"],
    ["SELECT * FROM accounts WHERE tenant_id IN ($1, 't2')", "all-tenants"],
    ["SELECT * FROM accounts WHERE tenant_id = upper($1)", "all-tenants"],
    ["SELECT * FROM accounts WHERE tenant_id = $1::varchar(2)", "all-tenants", ["t1 and more"]],
    ["SELECT * FROM padded WHERE tenant_id = $1", "all-tenants"],
    ["SELECT * FROM counters WHERE tenant_id = $1", "all-tenants", ["07"]],
    ["SELECT * FROM accounts a JOIN orders o ON o.account_id = a.id WHERE a.tenant_id = $1", "all-tenants"],
    [
      "SELECT * FROM accounts a JOIN orders o ON o.account_id = a.id AND o.tenant_id = a.tenant_id WHERE a.tenant_id = $1",
      "accounts orders",
    ],
    ["SELECT * FROM accounts a JOIN orders o USING (tenant_id) WHERE a.tenant_id = $1", "accounts orders"],
    ["SELECT * FROM accounts a NATURAL JOIN orders o WHERE o.tenant_id = $1", "accounts orders"],
    [
      "SELECT * FROM accounts a, orders o WHERE a.tenant_id = o.tenant_id AND o.tenant_id = $1",
      "accounts orders",
    ],
    [
      "SELECT * FROM accounts a LEFT JOIN orders o ON o.tenant_id = $1 AND o.account_id = a.id WHERE a.tenant_id = $1",
      "accounts orders",
    ],
    ["SELECT * FROM accounts a LEFT JOIN orders o ON a.tenant_id = $1 WHERE o.tenant_id = $1", "all-tenants"],
    [
      "SELECT * FROM accounts a FULL JOIN orders o ON a.tenant_id = o.tenant_id WHERE a.tenant_id = $1",
      "all-tenants",
    ],
    [
      "SELECT * FROM accounts a RIGHT JOIN orders o ON a.tenant_id = o.tenant_id WHERE o.tenant_id = $1",
      "accounts orders",
    ],
    [
      "SELECT a.id, (SELECT count(*) FROM orders o WHERE o.account_id = a.id) FROM accounts a WHERE a.tenant_id = $1",
      "all-tenants",
    ],
    [
      "SELECT a.id, (SELECT count(*) FROM orders o WHERE o.tenant_id = a.tenant_id) FROM accounts a WHERE a.tenant_id = $1",
      "accounts orders",
    ],
    [
      "SELECT * FROM accounts a WHERE tenant_id = $1 AND EXISTS (SELECT 1 FROM orders WHERE tenant_id = a.tenant_id)",
      "accounts orders",
    ],
    // The name means the table of the subquery, whose column it is as well.
    [
      "SELECT * FROM accounts a WHERE tenant_id = $1 AND EXISTS (SELECT 1 FROM orders WHERE tenant_id = tenant_id)",
      "all-tenants",
    ],
    [
      "SELECT * FROM accounts a WHERE tenant_id = $1 AND id IN (SELECT account_id FROM orders WHERE tenant_id = $1)",
      "accounts orders",
    ],
    ["SELECT * FROM (SELECT * FROM accounts) s WHERE s.tenant_id = $1", "accounts"],
    ["SELECT * FROM (SELECT * FROM accounts LIMIT 3) s WHERE s.tenant_id = $1", "all-tenants"],
    ["SELECT * FROM (SELECT name AS tenant_id FROM accounts) s WHERE s.tenant_id = $1", "all-tenants"],
    [
      "SELECT * FROM (SELECT a.name, a.tenant_id FROM accounts a) s(tenant_id, x) WHERE s.tenant_id = $1",
      "all-tenants",
    ],
    ["SELECT * FROM accounts s(id, x, tenant_id) WHERE s.tenant_id = $1", "all-tenants"],
    ["SELECT * FROM (SELECT DISTINCT ON (name) * FROM accounts) s WHERE tenant_id = $1", "all-tenants"],
    [
      "SELECT * FROM (SELECT tenant_id, count(*) OVER () FROM accounts) s WHERE tenant_id = $1",
      "all-tenants",
    ],
    [
      "SELECT * FROM (SELECT tenant_id, count(*) FROM accounts GROUP BY 1) s WHERE tenant_id = $1",
      "accounts",
    ],
    [
      "SELECT * FROM (SELECT id, tenant_id FROM accounts UNION ALL SELECT id, tenant_id FROM orders) u WHERE u.tenant_id = $1",
      "accounts orders",
    ],
    [
      "SELECT * FROM (SELECT id, tenant_id FROM accounts UNION ALL SELECT id, name FROM accounts) u WHERE u.tenant_id = $1",
      "all-tenants",
    ],
    ["SELECT id FROM accounts WHERE tenant_id = $1 EXCEPT SELECT id FROM orders", "all-tenants"],
    [
      "SELECT * FROM accounts a, LATERAL (SELECT * FROM orders o WHERE o.tenant_id = a.tenant_id LIMIT 2) l WHERE a.tenant_id = $1",
      "accounts orders",
    ],
    [
      "SELECT * FROM (accounts a JOIN orders o ON o.tenant_id = a.tenant_id) AS j WHERE j.tenant_id = $1",
      "all-tenants",
    ],
  ]);
});

describe("CTEs", () => {
  cases([
    ["WITH c AS (SELECT * FROM accounts) SELECT * FROM c WHERE tenant_id = $1", "accounts"],
    ["WITH c AS (SELECT * FROM accounts) SELECT * FROM c x, c y WHERE x.tenant_id = $1", "all-tenants"],
    ["WITH accounts AS (SELECT 1 AS id) SELECT * FROM accounts", ""],
    ["WITH accounts AS (SELECT * FROM accounts WHERE tenant_id = $1) SELECT * FROM accounts", "accounts"],
    ["WITH accounts AS (SELECT 1 AS id) SELECT * FROM public.accounts", "all-tenants"],
    ["WITH plain AS (SELECT 1) SELECT * FROM plain, (SELECT * FROM rates) r", "rates"],
    [
      "WITH RECURSIVE t AS (SELECT * FROM accounts WHERE tenant_id = $1 UNION ALL SELECT a.* FROM accounts a JOIN t ON a.parent = t.id WHERE a.tenant_id = $1) SELECT * FROM t",
      "accounts",
    ],
    [
      "WITH RECURSIVE t AS (SELECT * FROM accounts UNION ALL SELECT a.* FROM accounts a JOIN t ON a.parent = t.id) SELECT * FROM t WHERE tenant_id = $1",
      "all-tenants",
    ],
    ["WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT * FROM plain) SELECT * FROM a", "unknown-table"],
    ["WITH n AS (SELECT 1 UNION ALL SELECT * FROM n) SELECT * FROM n", "unknown-table"],
    ["WITH w AS (INSERT INTO plain VALUES (1) RETURNING *) SELECT 1", "writing"],
    ["WITH w AS (DELETE FROM rates RETURNING *) SELECT * FROM w", "writing"],
  ]);
});

describe("views", () => {
  cases([
    ["SELECT * FROM active WHERE tenant_id = $1", "accounts"],
    ["SELECT * FROM active", "all-tenants"],
    ["SELECT * FROM busy WHERE whose = $1", "accounts orders"],
    ["SELECT * FROM busy b WHERE b.id = 1", "all-tenants"],
    ["SELECT * FROM totals WHERE tenant_id = $1", "orders"],
    ["SELECT * FROM newest WHERE tenant_id = $1", "all-tenants"],
    ["SELECT * FROM ranked WHERE tenant_id = $1", "all-tenants"],
    ["SELECT * FROM recent WHERE tenant_id = $1", "changing-value"],
  ]);
});

describe("functions, operators and values", () => {
  cases([
    ["SELECT * FROM of_tenant($1)", "accounts"],
    ["SELECT * FROM of_named($1::text)", "accounts"],
    ["SELECT * FROM of_atomic($1)", "accounts"],
    ["SELECT * FROM of_tenant('t2')", "all-tenants"],
    ["SELECT * FROM of_named(wanted => $1)", "all-tenants"],
    ["SELECT doubled(id), pure(id) FROM rates", "rates"],
    ["SELECT lying()", "rates"],
    ["SELECT loop(3)", "rates"],
    ["SELECT noting()", "writing"],
    ["SELECT hidden()", "unknown-function"],
    ["SELECT nobody_has_made_this(1)", "unknown-function"],
    ["SELECT clocked(1)", "unknown-function"],
    ["SELECT a.label FROM accounts a WHERE tenant_id = $1", "unknown-function"],
    ["SELECT (a).label FROM accounts a WHERE tenant_id = $1", "unknown-function"],
    ["SELECT total_of(value) FROM rates", "rates"],
    ["SELECT odd_of(value) FROM rates", "unknown-function"],
    ["SELECT 1 <<<< 2", "unknown-function"],
    ["SELECT 1 OPERATOR(public.<<<<) 2", "unknown-function"],
    ["SELECT 1 OPERATOR(pg_catalog.+) 2", ""],
    ["SELECT value % 2, 100 % value, value % -0.5, value % 0 FROM rates", "rates"],
    ["SELECT 'a' % 'b'", "unknown-function"],
    ["SELECT value % $1 FROM rates", "unknown-function"],
    ["SELECT name % 'b' FROM accounts WHERE tenant_id = $1", "unknown-function"],
    ["SELECT json_agg(json_build_object('id', id, 'v', value) ORDER BY id) FROM rates", "rates"],
    [
      "SELECT to_char(placed, 'YYYY'), date_trunc('day', placed), extract(year FROM placed) FROM orders WHERE tenant_id = $1",
      "orders",
    ],
    [
      "SELECT concat(name, 'x'), coalesce(name, ''), CASE WHEN id > 1 THEN greatest(id, 2) END FROM accounts WHERE tenant_id = $1",
      "accounts",
    ],
    [
      "SELECT json_object('a': id), array[id], name::text COLLATE \"C\", name LIKE 'a%', id BETWEEN 1 AND 3 FROM accounts WHERE tenant_id = $1",
      "accounts",
    ],
    ["SELECT rank() OVER (PARTITION BY name ORDER BY id) FROM accounts WHERE tenant_id = $1", "accounts"],
    [
      "SELECT string_agg(DISTINCT name, ',') FILTER (WHERE id > 1) FROM accounts WHERE tenant_id = $1 GROUP BY ROLLUP (name) HAVING count(*) > 1",
      "accounts",
    ],
    ["SELECT * FROM generate_series(1, 3) g", ""],
    ["SELECT now()", "changing-value"],
    ["SELECT current_timestamp", "changing-value"],
    ["SELECT current_user", "changing-value"],
    ["SELECT random(), value FROM rates", "changing-value"],
    ["SELECT nextval('s')", "changing-value"],
    ["SELECT age(placed) FROM orders WHERE tenant_id = $1", "changing-value"],
    ["SELECT age(placed, placed) FROM orders WHERE tenant_id = $1", "orders"],
    ["SELECT * FROM orders WHERE tenant_id = $1 AND placed > 'today'", "changing-value"],
    ["SELECT 'now'::timestamptz", "changing-value"],
    ["SELECT current_setting('TimeZone')", "changing-value"],
    ["SELECT current_setting('app.tenant')", "changing-value"],
    ["SELECT set_config('app.tenant', 'x', true), id FROM rates", "changing-value"],
    ["SELECT query_to_xml('SELECT 1', true, true, '')", "changing-value"],
    ["SELECT * FROM rates TABLESAMPLE system (10)", "changing-value"],
  ]);
});

describe("other statements", () => {
  cases([
    ["BEGIN; SELECT * FROM rates; COMMIT", "nothing; rates; nothing"],
    ["SET LOCAL app.tenant = 't1'", "set"],
    ["SELECT set_config('app.tenant', $1, true)", "set"],
    ["SET TimeZone = 'UTC'", "nothing"],
    ["RESET ALL", "forget-settings"],
    ["ROLLBACK TO SAVEPOINT s", "forget-settings"],
    ["SELECT * FROM rates FOR UPDATE", "locking"],
    ["SELECT * FROM (SELECT * FROM rates FOR SHARE) r", "locking"],
    ["SELECT * INTO copied FROM rates", "writing"],
    ["INSERT INTO plain VALUES (1)", "writing"],
    ["UPDATE plain SET id = 1", "writing"],
    ["MERGE INTO plain p USING rates r ON p.id = r.id WHEN MATCHED THEN DELETE", "writing"],
    ["TRUNCATE plain", "writing"],
    ["CALL something()", "writing"],
    ["COPY rates TO STDOUT", "unknown-statement"],
    ["LISTEN x", "unknown-statement"],
    ["EXECUTE prepared", "unknown-statement"],
    ["DECLARE c CURSOR FOR SELECT 1", "unknown-statement"],
    ["DO 'BEGIN END'", "unknown-statement"],
    ["CREATE TEMP TABLE x (id int)", "unknown-statement"],
    ["SELECT FROM WHERE", "unknown-statement"],
    ["SELECT * FROM rates; DELETE FROM rates", "rates; writing"],
  ]);

  test("what is deeper, longer or larger than is looked at", () => {
    const nested = (depth: number): string =>
      depth === 0 ? "SELECT * FROM rates" : `SELECT * FROM (${nested(depth - 1)}) r`;
    assert.equal(world.concluded(nested(10)), "rates");
    for (const sql of [
      `SELECT ${"(".repeat(30_000)}1${")".repeat(30_000)}`,
      nested(100),
      `SELECT '${"x".repeat(70_000)}'`,
      `WITH a AS (SELECT * FROM rates) ${Array.from({ length: 20 }, (_, n) => `, a${n} AS (SELECT * FROM ${n === 0 ? "a" : `a${n - 1} x, a${n - 1} y`})`).join("")} SELECT * FROM a19`,
    ])
      assert.equal(world.concluded(sql), "unknown-statement");
    assert.equal(world.concluded("SELECT * FROM rates"), "rates");
  });
});
