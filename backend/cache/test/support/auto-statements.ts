// A database with views, functions, policies and partitions, and what is concluded of statements on it.
import pg from "pg";
import { createTestDatabase } from "../../../servers/postgres.js";
import { captureName } from "../../src/feed/capture-names.js";
import { createFeed, type FeedTable } from "../../src/feed/index.js";
import { readCatalogue } from "../../src/reads/catalogue.js";
import { isTenants, type Reading, type Source, sourcesOf } from "../../src/reads/reading.js";
import { Statements } from "../../src/reads/statements.js";
import { Syntax } from "../../src/reads/syntax.js";

export const SCHEMA = `
  CREATE TABLE accounts (id int PRIMARY KEY, tenant_id text, name text, parent int);
  CREATE TABLE orders (id int PRIMARY KEY, tenant_id text, account_id int, total int, placed timestamptz);
  CREATE TABLE invoices (id int, org uuid, total int);
  CREATE TABLE counters (id int, tenant_id int, value int);
  CREATE TABLE rates (id int PRIMARY KEY, value int, tenant_id text);
  CREATE TABLE plain (id int, tenant_id text);
  CREATE TABLE padded (id int, tenant_id char(5));
  CREATE TABLE events (id int, tenant_id text, at date) PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2031-01-01');
  CREATE TABLE parents (id int, tenant_id text);
  CREATE TABLE children (extra int) INHERITS (parents);
  CREATE SCHEMA other;
  CREATE TABLE other.twins (id int, tenant_id text);
  CREATE TABLE twins (id int, tenant_id text);
  CREATE VIEW active AS SELECT * FROM accounts WHERE name <> '';
  CREATE VIEW busy AS SELECT a.id, a.tenant_id AS whose, o.total FROM active a JOIN orders o ON o.account_id = a.id AND o.tenant_id = a.tenant_id;
  CREATE VIEW totals AS SELECT tenant_id, sum(total) AS total FROM orders GROUP BY tenant_id;
  CREATE VIEW newest AS SELECT * FROM orders ORDER BY id DESC LIMIT 3;
  CREATE VIEW ranked AS SELECT tenant_id, rank() OVER (ORDER BY total) AS place FROM orders;
  CREATE VIEW recent AS SELECT * FROM orders WHERE placed > now() - interval '1 day';
  CREATE MATERIALIZED VIEW kept AS SELECT * FROM accounts;
  CREATE FUNCTION of_tenant(t text) RETURNS SETOF accounts LANGUAGE sql STABLE AS 'SELECT * FROM accounts WHERE tenant_id = $1';
  CREATE FUNCTION of_named(wanted text) RETURNS SETOF accounts LANGUAGE sql STABLE AS 'SELECT * FROM accounts WHERE tenant_id = wanted';
  CREATE FUNCTION of_atomic(wanted text) RETURNS SETOF accounts LANGUAGE sql STABLE BEGIN ATOMIC SELECT * FROM accounts WHERE tenant_id = wanted; END;
  CREATE FUNCTION doubled(x int) RETURNS int LANGUAGE sql IMMUTABLE RETURN x * 2;
  CREATE FUNCTION lying() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT count(*) FROM rates';
  CREATE FUNCTION noting() RETURNS void LANGUAGE sql AS 'INSERT INTO plain VALUES (1)';
  CREATE FUNCTION hidden() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM plain); END';
  CREATE FUNCTION pure(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x + 1; END';
  CREATE FUNCTION clocked(x int, at timestamptz DEFAULT now()) RETURNS int LANGUAGE sql RETURN x;
  CREATE FUNCTION label(accounts) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN now()::text; END';
  CREATE FUNCTION loop(n int) RETURNS bigint LANGUAGE sql AS 'SELECT CASE WHEN n > 0 THEN loop(n - 1) ELSE (SELECT count(*) FROM rates) END';
  CREATE AGGREGATE total_of (int) (sfunc = int4pl, stype = int, initcond = '0');
  CREATE FUNCTION noted(int, int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN random() * 10; END';
  CREATE AGGREGATE odd_of (int) (sfunc = noted, stype = int, initcond = '0');
  CREATE FUNCTION before(int, int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN now() > ''2020-01-01''; END';
  CREATE OPERATOR <<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = before);
  CREATE FUNCTION alike(text, text) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN now() > ''2020-01-01''; END';
  CREATE OPERATOR % (LEFTARG = text, RIGHTARG = text, FUNCTION = alike);
  CREATE TABLE secured (id int, tenant_id text);
  ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON secured USING (tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')));
  CREATE TABLE half (id int, tenant_id text);
  ALTER TABLE half ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON half USING (tenant_id = current_setting('app.tenant'));
  CREATE POLICY shared ON half FOR SELECT USING (EXISTS (SELECT FROM rates r WHERE r.id = half.id));
  CREATE VIEW over_secured AS SELECT * FROM secured;
`;

const BY_TENANT = [
  "accounts",
  "orders",
  "counters",
  "events",
  "parents",
  "twins",
  "other.twins",
  "secured",
  "half",
  "padded",
];
export const TABLES: Readonly<Record<string, FeedTable>> = {
  ...Object.fromEntries(BY_TENANT.map((name) => [name, { tenant: "tenant_id" }])),
  "other.twins": { module: "others", tenant: "tenant_id" },
  invoices: { tenant: "org" },
  rates: { tenant: null },
};

const ROLE = "auto_reader";

export interface World {
  /** What is concluded, where `t1` asks: the modules, or why not. */
  concluded(sql: string, values?: readonly unknown[], settings?: Readonly<Record<string, string>>): string;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

export async function openStatements(): Promise<World> {
  const { url, drop } = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: url });
  pool.on("error", () => undefined);
  await pool.query(SCHEMA);
  const feed = createFeed({ database: pool, tables: TABLES });
  await feed.install();
  const role = `${ROLE}_${process.pid}`;
  await pool.query(
    `CREATE ROLE ${role} LOGIN PASSWORD '${role}'; GRANT USAGE ON SCHEMA other TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA public, other TO ${role}`,
  );
  const reader = new URL(url);
  reader.username = role;
  reader.password = role;
  const asked = new pg.Pool({ connectionString: reader.href, max: 1 });
  const concluded = await concludingFrom(asked);
  return {
    pool,
    concluded,
    close: async () => {
      await asked.end();
      await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await pool.end();
      await drop();
    },
  };
}

/** By the catalogue as this pool sees it. */
export async function concludingFrom(asked: pg.Pool): Promise<World["concluded"]> {
  const view = {
    schema: "etc_feed",
    tables: Object.entries(TABLES).map(([name, { tenant, module = name }]) => {
      return { module, tenant, capture: captureName({ name, module, tenant, tags: [], notify: false }) };
    }),
  };
  const catalogue = await readCatalogue(asked, view);
  const syntax = new Syntax();
  await syntax.loaded;
  const statements = new Statements(catalogue, syntax);
  return (sql, values = ["t1"], settings = {}) =>
    statements
      .stepsOf(sql)
      .map((step) => (step.does === "read" ? ofReading(step.reading, values, settings) : step.does))
      .join("; ");
}

const UUID = "6f1c0c4e-0b5a-4d7e-9a53-1f0d3c2b1a00";

function ofReading(
  reading: Reading,
  values: readonly unknown[],
  settings: Readonly<Record<string, string>>,
): string {
  const { problem, modules, rows } = reading;
  if (problem) return problem.why;
  const unset = [...reading.settings].find((name) => settings[name] === undefined);
  if (unset !== undefined) return "changing-value";
  const valueFrom = (source: Source) =>
    source.from === "text"
      ? source.text
      : source.from === "value"
        ? values[source.place]
        : settings[source.name];
  const isOwn = rows.every((each) =>
    sourcesOf(each).some(({ source, comparison }) =>
      ["t1", "7", UUID].some((tenant) => isTenants(tenant, valueFrom(source), comparison)),
    ),
  );
  return isOwn ? [...modules].sort().join(" ") : "all-tenants";
}
