// Rows of a record's table for views: the columns that responses show, inside the tenant.
// Tests: test/http/services.test.ts
import type { PoolClient } from "pg";
import type { ModuleRecord } from "../../modules/crud-repository.js";
import { selectList } from "../../modules/list-sql.js";
import type { ModuleDefinition } from "../../modules/module-definition.js";

/** `rest` follows WHERE and names the table `t`; `$1` is the tenant, `$2` the first of `values`. */
export type RecordRows = (
  reading: { readonly client: PoolClient; readonly tenantId: string },
  rest: string,
  values?: readonly unknown[],
) => Promise<ModuleRecord[]>;

export function recordRows(module: ModuleDefinition): RecordRows {
  const from = `SELECT ${selectList(module)} FROM ${module.name} t ${module.joined.join}`;
  return async ({ client, tenantId }, rest, values = []) => {
    const { rows } = await client.query<ModuleRecord>(`${from} WHERE t.tenant_id = $1 AND ${rest}`, [
      tenantId,
      ...values,
    ]);
    return rows;
  };
}
