// Transactions that can see one tenant only.
// Tests: test/integration/row-level-security.test.ts
import type { Pool, PoolClient, QueryResult } from "pg";
import { outageOf } from "./database-outage.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface TransactionOptions {
  /** One snapshot for all queries, and no writes. Default false. */
  readonly readOnly?: boolean;
  /** Whether a tenant that is suspended, or is not there, is served all the same. Default false. */
  readonly anyTenant?: boolean;
}

/** The tenant was suspended by an operator, or does not exist (any more). */
export class TenantUnavailable extends Error {
  override readonly name = "TenantUnavailable";
}

/**
 * Runs `work` in a transaction as role `crm_app` with `app.tenant_id` set, so that row-level security hides
 * every other tenant. Commits when it resolves and rolls back when it rejects.
 *
 * Whether the tenant is suspended is read in the same snapshot as the rows, so that no process can miss it:
 * cached answers end with the tenant's fence, and whatever would fill the cache again comes by here.
 *
 * @throws TypeError where `tenantId` is no UUID; TenantUnavailable where the tenant is suspended or unknown
 */
export async function withTenant<T>(
  pool: Pool,
  tenantId: string,
  work: (client: PoolClient) => Promise<T>,
  { readOnly = false, anyTenant = false }: TransactionOptions = {},
): Promise<T> {
  // It is written into the statement: several statements in one round trip take no parameters.
  if (!UUID.test(tenantId)) throw new TypeError(`tenant id ${JSON.stringify(tenantId)} is not a UUID`);
  const mode = readOnly ? "ISOLATION LEVEL REPEATABLE READ READ ONLY" : "";
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    // One result for each statement, which the types of a single one do not say.
    const begun: unknown = await client.query(
      `BEGIN ${mode}; SET LOCAL ROLE crm_app; SELECT set_config('app.tenant_id', '${tenantId}', true);
       SELECT suspended_at IS NOT NULL AS suspended FROM tenants WHERE id = '${tenantId}'`,
    );
    if (!anyTenant) requireActive((begun as QueryResult<{ suspended: boolean }>[]).at(-1)?.rows[0]);
    const result = await work(client);
    await client.query("COMMIT");
    outageOf(pool)?.committed({ isWrite: !readOnly });
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

function requireActive(tenant: { readonly suspended: boolean } | undefined): void {
  if (!tenant) throw new TenantUnavailable("The tenant does not exist.");
  if (tenant.suspended) throw new TenantUnavailable("The tenant is suspended.");
}
