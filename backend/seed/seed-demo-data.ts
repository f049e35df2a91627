// Loads the demo data, all of it or nothing.
// Tests: test/integration/demo-data.test.ts
import { Client } from "pg";
import { demoRows, SEEDED_TABLES, type TableRows, totalRows } from "./demo-rows.js";
import { DEMO_TENANTS } from "./demo-tenants.js";

export interface SeedOptions {
  /** Called after every batch. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Between 0 and 1: the share of the rows to load. Default 1: about 197,000 rows. */
  readonly scale?: number;
  /** The day that schedules and tasks lie around, "2026-03-31". Default: today, in UTC. */
  readonly today?: string;
}

const BATCH_ROWS = 2000;
// Any number, as long as everybody who seeds uses the same one.
const SEED_LOCK = 7_310_044_217;

/** Whether the demo tenants are there. The schema must have been migrated. */
export async function isSeeded(databaseUrl: string): Promise<boolean> {
  return await connected(databaseUrl, hasDemoTenants);
}

/**
 * Loads the demo tenants and their records in one transaction. Does nothing where they are there already; whoever
 * seeds at the same time waits. The schema must have been migrated.
 *
 * @returns whether anything was loaded
 */
export async function seedDemoData(databaseUrl: string, options: SeedOptions = {}): Promise<boolean> {
  return await connected(databaseUrl, async (client) => {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [SEED_LOCK]);
    if (await hasDemoTenants(client)) return false;
    await insertAll(client, options);
    await client.query("COMMIT");
    // The planner's statistics, and the visibility map that index-only scans need.
    await client.query(`VACUUM (ANALYZE) tenants, ${SEEDED_TABLES.join(", ")}`);
    return true;
  });
}

async function insertAll(
  client: Client,
  { onProgress, scale = 1, today = new Date().toISOString().slice(0, 10) }: SeedOptions,
): Promise<void> {
  const total = totalRows(scale, today);
  let done = 0;
  for (const tenant of DEMO_TENANTS) {
    await client.query("INSERT INTO tenants (id, name) VALUES ($1, $2)", [tenant.id, tenant.name]);
    // Row-level security is forced upon the owner of the tables, too.
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenant.id]);
    for (const { table, rows } of demoRows(tenant, scale, today)) {
      for (let start = 0; start < rows.length; start += BATCH_ROWS) {
        const batch = rows.slice(start, start + BATCH_ROWS);
        await insertBatch(client, tenant.id, table, batch);
        done += batch.length;
        onProgress?.(done, total);
      }
    }
  }
}

/** One statement for many rows: the table's own row type says how each value is read. */
async function insertBatch(
  client: Client,
  tenantId: string,
  table: TableRows["table"],
  rows: TableRows["rows"],
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).join(", ");
  await client.query(
    `INSERT INTO ${table} (tenant_id, ${columns}) SELECT $1, ${columns} FROM json_populate_recordset(NULL::${table}, $2)`,
    [tenantId, JSON.stringify(rows)],
  );
}

async function hasDemoTenants(client: Client): Promise<boolean> {
  const { rowCount } = await client.query("SELECT 1 FROM tenants WHERE id = $1", [DEMO_TENANTS[0]?.id]);
  return rowCount === 1;
}

async function connected<T>(databaseUrl: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: databaseUrl, application_name: "crm-seed" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    // Ends an open transaction by rolling it back.
    await client.end();
  }
}
