// The end of a tenant: all keys of its subjects are destroyed, so that no copy of what it held opens again.
// Tests: test/integration/erasure.test.ts
import type { Pool } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { KeyProvider } from "./key-provider.js";
import { ANY_TENANT } from "./subject-key-rows.js";

/**
 * Before the tenant's rows are removed, which say which keys it has. May be called again.
 * @returns how many keys there were
 */
export async function destroyTenantKeys(
  pool: Pool,
  provider: KeyProvider,
  tenantId: string,
): Promise<number> {
  const { rows } = await withTenant(
    pool,
    tenantId,
    async (client) => {
      // No process uses them from here on, and none is made anew: the tenant is suspended.
      await client.query(
        "UPDATE subject_keys SET erasing_at = coalesce(erasing_at, now()) WHERE tenant_id = $1",
        [tenantId],
      );
      return client.query<{ key_id: string }>("SELECT key_id FROM subject_keys WHERE tenant_id = $1", [
        tenantId,
      ]);
    },
    ANY_TENANT,
  );
  for (const { key_id: keyId } of rows) await provider.destroy({ tenantId, keyId });
  return rows.length;
}
