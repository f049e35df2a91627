// SQL that hides what it reads: each is read to its tables, or makes the answer uncacheable.
import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "@jest/globals";
import { concludingFrom, openStatements, type World } from "../support/auto-statements.js";

const HIDING = `
  CREATE FUNCTION elsewhere() RETURNS SETOF accounts LANGUAGE sql STABLE SET app.tenant = 't2'
    AS 'SELECT * FROM accounts WHERE tenant_id = current_setting(''app.tenant'')';
  CREATE FUNCTION elsewhere_tz() RETURNS SETOF rates LANGUAGE sql STABLE SET search_path = other, public AS 'SELECT * FROM rates';
  CREATE FUNCTION nested(t text) RETURNS SETOF accounts LANGUAGE sql STABLE AS 'SELECT * FROM of_tenant(t)';
  CREATE FUNCTION clock() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';
  CREATE FUNCTION nested_clock() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT clock()';
  CREATE FUNCTION is_fine(x int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN EXISTS (SELECT FROM plain WHERE id = x); END';
  CREATE DOMAIN checked AS int CHECK (is_fine(VALUE));
  CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM accounts;
  CREATE VIEW checked_view AS SELECT *, clock() AS at FROM rates;
  CREATE VIEW of_view AS SELECT * FROM busy;
  CREATE VIEW of_kept AS SELECT * FROM kept;
  CREATE VIEW as_sum AS SELECT max(tenant_id) AS tenant_id, sum(total) AS total FROM orders;
  CREATE VIEW sets AS SELECT tenant_id, sum(total) FROM orders GROUP BY GROUPING SETS ((tenant_id), ());
  CREATE VIEW named (tenant_id, id) AS SELECT name, tenant_id FROM accounts;
  CREATE TYPE pair AS (a int, b int);
  CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql STABLE AS 'SELECT ROW($1, (SELECT count(*)::int FROM plain))::pair';
  CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
`;

let world: World;
let concluded: World["concluded"];
beforeAll(async () => {
  world = await openStatements();
  await world.pool.query(HIDING);
  concluded = await concludingFrom(world.pool);
});
afterAll(() => world.close());

type Case = readonly [
  sql: string,
  concluded: string,
  values?: readonly unknown[],
  settings?: Readonly<Record<string, string>>,
];
const LIST: readonly Case[] = [
  ["SELECT * FROM elsewhere()", "unknown-function", [], { "app.tenant": "t1" }],
  ["SELECT * FROM elsewhere_tz()", "rates"],
  ["SELECT * FROM nested($1)", "accounts"],
  ["SELECT nested_clock()", "changing-value"],
  ["SELECT * FROM checked_view", "changing-value"],
  ["SELECT * FROM of_view WHERE whose = $1", "accounts orders"],
  ["SELECT * FROM of_kept WHERE tenant_id = $1", "materialized-view"],
  ["SELECT * FROM barrier WHERE tenant_id = $1", "accounts"],
  ["SELECT * FROM as_sum WHERE tenant_id = $1", "all-tenants"],
  ["SELECT * FROM sets WHERE tenant_id = $1", "orders"],
  ["SELECT * FROM named WHERE tenant_id = $1", "all-tenants"],
  ["SELECT 1::pair", "unknown-table"],
  ["SELECT CAST(id AS pair) FROM rates", "unknown-table"],
  ["SELECT date 'TODAY '", "changing-value"],
  [`SELECT '${" ".repeat(80)}now'::timestamptz`, "changing-value"],
  ["SELECT E'\\x6eow'::timestamptz", "changing-value"],
  ["SELECT U&'\\006eow'::timestamptz", "changing-value"],
  ["SELECT $$now$$::timestamptz", "changing-value"],
  ["SELECT '[now,)'::tstzrange", "changing-value"],
  ["SELECT '{now}'::timestamptz[]", "changing-value"],
  ["SELECT 1 FROM rates WHERE EXISTS (SELECT 1 FROM plain)", "unknown-table"],
  ["SELECT ARRAY(SELECT id FROM plain)", "unknown-table"],
  ["SELECT (TABLE plain)", "unknown-table"],
  ["SELECT * FROM rates ORDER BY (SELECT count(*) FROM plain)", "unknown-table"],
  ["SELECT * FROM rates LIMIT (SELECT count(*) FROM plain)", "unknown-table"],
  ["SELECT * FROM rates OFFSET (SELECT count(*) FROM plain)", "unknown-table"],
  ["SELECT count(*) FILTER (WHERE id IN (SELECT id FROM plain)) FROM rates", "unknown-table"],
  ["SELECT sum(value) OVER (ORDER BY (SELECT max(id) FROM plain)) FROM rates", "unknown-table"],
  [
    "SELECT sum(value) OVER w FROM rates WINDOW w AS (PARTITION BY (SELECT max(id) FROM plain))",
    "unknown-table",
  ],
  ["SELECT * FROM rates GROUP BY id, (SELECT max(id) FROM plain)", "unknown-table"],
  ["SELECT DISTINCT ON ((SELECT max(id) FROM plain)) * FROM rates", "unknown-table"],
  ["VALUES ((SELECT max(id) FROM plain))", "unknown-table"],
  ["SELECT * FROM generate_series(1, (SELECT max(id) FROM plain))", "unknown-table"],
  ["SELECT * FROM ROWS FROM (generate_series(1, 2), hidden()) AS t", "unknown-function"],
  ["SELECT * FROM rates, LATERAL (SELECT * FROM plain WHERE id = rates.id) l", "unknown-table"],
  ["SELECT * FROM rates JOIN LATERAL hidden() h ON true", "unknown-function"],
  ["SELECT * FROM rates UNION SELECT id, id, tenant_id FROM plain", "unknown-table"],
  ["SELECT * FROM rates JOIN rates r2 USING (id) AS j WHERE (SELECT true FROM plain)", "unknown-table"],
  ["SELECT CASE (SELECT 1 FROM plain) WHEN 1 THEN 2 END", "unknown-table"],
  ["SELECT COALESCE(NULL, (SELECT 1 FROM plain))", "unknown-table"],
  ["SELECT ROW(1, (SELECT 1 FROM plain))", "unknown-table"],
  ["SELECT (ARRAY[1,2])[(SELECT 1 FROM plain)]", "unknown-table"],
  ["SELECT json_object('a' : (SELECT 1 FROM plain))", "unknown-table"],
  ["SELECT XMLELEMENT(NAME a, (SELECT 1 FROM plain))", "unknown-statement"],
  ["SELECT * FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS b text)", "unknown-statement"],
  ["SELECT * FROM JSON_TABLE('{}', '$' COLUMNS (a int PATH '$.a')) j", "unknown-statement"],
  ["SELECT table_to_xml('plain', true, true, '')", "changing-value"],
  ["SELECT cursor_to_xml('c', 1, true, true, '')", "changing-value"],
  ["SELECT lo_get(1)", "changing-value"],
  ["SELECT pg_read_file('x')", "changing-value"],
  ["SELECT last_value FROM etc_feed.place", "unknown-table"],
  ["SELECT currval('x')", "changing-value"],
  ["SELECT * FROM pg_stat_user_tables", "unknown-table"],
  ["SELECT pg_try_advisory_lock(1)", "changing-value"],
  ["SELECT pg_notify('a', 'b')", "changing-value"],
  ["SELECT ts_stat('SELECT 1')", "changing-value"],
  ["SELECT obj_description(1, 'pg_class')", "changing-value"],
  ["SELECT to_regclass('plain')", "changing-value"],
  ["SELECT has_table_privilege('plain', 'SELECT')", "changing-value"],
  ["SELECT pg_get_userbyid(10)", "changing-value"],
  ["SELECT inet_client_addr()", "changing-value"],
  ["SELECT txid_current_snapshot()", "changing-value"],
  ["SELECT xmin FROM rates", "rates"],
  ["SELECT current_catalog", "changing-value"],
  ["SELECT localtimestamp(0)", "changing-value"],
  ["SELECT current_schema", "changing-value"],
  ["SELECT user", "changing-value"],
  ["SET TRANSACTION SNAPSHOT '00000003-0000001B-1'", "early-transaction"],
  ["FETCH 1 FROM c", "unknown-statement"],
  ["SHOW ALL", "unknown-statement"],
  ["EXPLAIN SELECT 1", "unknown-statement"],
  ["PREPARE x AS SELECT * FROM plain", "unknown-statement"],
  ["COPY (SELECT * FROM plain) TO STDOUT", "unknown-statement"],
  // Its check says whether there is an answer, and not which.
  ["SELECT 7::checked", ""],
  ["SELECT * FROM ONLY parents WHERE tenant_id = $1", "parents"],
  ["SELECT merge_action()", "unknown-statement"],
  ["SELECT * FROM accounts WHERE tenant_id OPERATOR(other.=) $1", "all-tenants"],
  ["SELECT * FROM accounts a, (SELECT 't1' AS tenant_id) x WHERE x.tenant_id = $1", "all-tenants"],
  [
    "SELECT * FROM accounts a RIGHT JOIN (VALUES ('t1')) v(tenant_id) ON v.tenant_id = a.tenant_id",
    "all-tenants",
  ],
  ["SELECT * FROM accounts WHERE (tenant_id = $1) IS NOT FALSE", "all-tenants"],
  ["SELECT * FROM accounts WHERE (tenant_id = $1) = false", "all-tenants"],
  ["SELECT * FROM accounts WHERE tenant_id = $1 AND tenant_id = 't2'", "accounts"],
  ["SELECT count(*) FILTER (WHERE tenant_id = $1) FROM accounts", "all-tenants"],
  ["SELECT * FROM accounts GROUP BY 1, 2, 3, 4 HAVING tenant_id = $1", "all-tenants"],
  ["SELECT * FROM (accounts a LEFT JOIN orders o ON true) WHERE a.tenant_id = $1", "all-tenants"],
  ["SELECT * FROM accounts a NATURAL LEFT JOIN orders o WHERE a.tenant_id = $1", "accounts orders"],
  ["SELECT * FROM accounts WHERE tenant_id = ANY ('{t1}')", "all-tenants"],
  ["SELECT * FROM accounts WHERE ROW(tenant_id, id) = ROW($1, 1)", "all-tenants"],
  ["SELECT * FROM accounts WHERE tenant_id <> $1", "all-tenants"],
  ["SELECT * FROM accounts WHERE tenant_id = ALL (SELECT $1)", "all-tenants"],
  ["SELECT * FROM accounts WHERE tenant_id NOT IN ($1)", "all-tenants"],
  ["SELECT * FROM accounts WHERE tenant_id = $1::char", "all-tenants"],
  ["SELECT * FROM accounts WHERE tenant_id = $1::name", "all-tenants"],
];

test.each(LIST)("%s: %s", (...[sql, expected, values, settings]: Case) => {
  assert.equal(concluded(sql, values, settings), expected);
});

test("an equality of the user's own, between types of PostgreSQL's own, ties nothing to a tenant", async () => {
  const own = "SELECT * FROM accounts WHERE tenant_id = $1";
  const equality = `CREATE FUNCTION eq(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
    CREATE OPERATOR other.= (LEFTARG = text, RIGHTARG = text, FUNCTION = eq)`;
  await world.pool.query(equality);
  try {
    assert.equal((await concludingFrom(world.pool))(own), "all-tenants");
  } finally {
    await world.pool.query("DROP FUNCTION eq CASCADE");
  }
  assert.equal((await concludingFrom(world.pool))(own), "accounts");
});

test("a number may be an argument of an operator that takes texts, where somebody has made a cast that does it", async () => {
  const modulo = "SELECT value % 2 FROM rates";
  assert.equal((await concludingFrom(world.pool))(modulo), "rates");
  await world.pool.query("CREATE CAST (int AS text) WITH INOUT AS IMPLICIT");
  try {
    assert.equal((await concludingFrom(world.pool))(modulo), "unknown-function");
  } finally {
    await world.pool.query("DROP CAST (int AS text)");
  }
});
