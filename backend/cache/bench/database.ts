// The origin: accounts of all tenants in PostgreSQL, and the query that every subject's handler runs.
import pg from "pg";
import { ROWS_PER_LIST, TENANTS, tenantId } from "./workload.js";

const CONNECTIONS = 10;
const INT8 = 20;

const SCHEMA = `
  CREATE TABLE accounts (
    tenant_id uuid NOT NULL, id bigint NOT NULL, owner integer NOT NULL, name text NOT NULL, city text NOT NULL,
    email text NOT NULL, phone text NOT NULL, stage text NOT NULL, revenue integer NOT NULL, created_at timestamptz NOT NULL
  )`;

const FILL = `
  INSERT INTO accounts
  SELECT tenant, row, 1 + row % $2::integer,
    initcap(substr(digest, 1, 9)) || ' ' || (ARRAY['GmbH', 'AG', 'Ltd', 'Inc', 'SARL'])[1 + row % 5],
    (ARRAY['Berlin', 'Lyon', 'Porto', 'Leeds', 'Turin', 'Graz', 'Ghent'])[1 + row % 7],
    'office@' || substr(digest, 10, 12) || '.example', '+49 30 ' || (1000000 + row * 7919 % 8999999),
    (ARRAY['prospect', 'active', 'dormant', 'closed'])[1 + row % 4], row * 7919 % 5000000,
    timestamptz '2026-01-01 00:00Z' + row * interval '97 minutes'
  FROM (SELECT row, md5(tenant::text || row) AS digest, tenant
    FROM unnest($1::uuid[]) AS tenant, generate_series(1, $2::integer * ${ROWS_PER_LIST}) AS row) AS generated`;

const LIST = {
  name: "list",
  text: `
    SELECT id, owner, name, city, email, phone, stage, revenue, created_at AS "createdAt"
    FROM accounts WHERE tenant_id = $1 AND owner = $2 ORDER BY created_at DESC LIMIT ${ROWS_PER_LIST}`,
  types: { getTypeParser: (oid: number) => (oid === INT8 ? Number : pg.types.getTypeParser(oid)) },
};

export type ReadList = (tenant: string, owner: number) => Promise<readonly unknown[]>;

/** Makes and fills the table: every tenant has a list of {@link ROWS_PER_LIST} rows of each owner. */
export async function createAccounts(url: string, owners: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(SCHEMA);
    const tenants = Array.from({ length: TENANTS }, (_, index) => tenantId(index));
    await client.query(FILL, [tenants, owners]);
    await client.query("CREATE INDEX ON accounts (tenant_id, owner, created_at DESC)");
    await client.query("VACUUM ANALYZE accounts");
  } finally {
    await client.end();
  }
}

export interface Accounts {
  readonly readList: ReadList;
  close(): Promise<void>;
}

export function openAccounts(url: string): Accounts {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  return {
    readList: async (tenant, owner) => (await pool.query({ ...LIST, values: [tenant, owner] })).rows,
    close: () => pool.end(),
  };
}

/** The body that every subject must answer for a list. */
export function listBody(rows: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify({ rows }));
}
