// Transactions that can see one tenant only.
import type { Pool, PoolClient } from "pg";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface TransactionOptions {
  /** One snapshot for all queries, and no writes. Default false. */
  readonly readOnly?: boolean;
}

/**
 * Runs `work` in a transaction as role `crm_app` with `app.tenant_id` set, so that row-level security hides every other tenant.
 * Commits when it resolves and rolls back when it rejects.
 *
 * @throws TypeError where `tenantId` is no UUID
 */
export async function withTenant<T>(
  pool: Pool,
  tenantId: string,
  work: (client: PoolClient) => Promise<T>,
  { readOnly = false }: TransactionOptions = {},
): Promise<T> {
  // It is written into the statement: several statements in one round trip take no parameters.
  if (!UUID.test(tenantId)) throw new TypeError(`tenant id ${JSON.stringify(tenantId)} is not a UUID`);
  const mode = readOnly ? "ISOLATION LEVEL REPEATABLE READ READ ONLY" : "";
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(
      `BEGIN ${mode}; SET LOCAL ROLE crm_app; SELECT set_config('app.tenant_id', '${tenantId}', true)`,
    );
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    // A connection that could not roll back is closed: the next request must not inherit its role or tenant.
    client.release(broken);
  }
}
