// The storage's side of retention: contents go, leaves stay, and a record says which went and why.
// Tests: test/integration/audit-blocks.test.ts, test/integration/audit-retention.test.ts
import type { Pool } from "pg";
import type { Actor, AuditRecord } from "./audit-event.js";
import { insertRecords } from "./audit-trail.js";
import { canonicalRecords, type RecordDependencies } from "./canonical-record.js";
import { HELD } from "./held-records.js";
import { KEPT_ENTITY_TYPE, pruneEvents } from "./prune-record.js";
import { inTransaction } from "./tree-store.js";

export interface PruneRequest {
  readonly tenantId: string;
  /** Of records whose time is over. Those that are pruned already, on hold, or not signed yet, are left. */
  readonly indexes: readonly number[];
  /** For the record: `"retention: business, 6 years"`. */
  readonly reason: string;
  readonly actor: Actor;
}

/**
 * Removes the contents of records, all of them or none. Their leaves stay in the tree: proofs of all others hold, and a verification
 * finds each of them named by a record that says that it was pruned.
 *
 * @returns indexes that were pruned now, ascending
 */
export async function pruneRecords(
  pool: Pool,
  { tenantId, indexes, reason, actor }: PruneRequest,
  dependencies: RecordDependencies,
): Promise<number[]> {
  return await inTransaction(pool, async (client) => {
    // For the holds, which are behind their tenant.
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenantId]);
    // What no checkpoint covers yet could not be told from a loss.
    const { rows } = await client.query<{ leaf_index: string }>(
      `SELECT leaf_index FROM audit_records r
         WHERE tenant_id = $1 AND leaf_index = ANY($2) AND content IS NOT NULL AND entity_type <> $3
           AND leaf_index < (SELECT coalesce(max(tree_size), 0) FROM audit_checkpoints WHERE tenant_id = $1)
           AND NOT ${HELD}
         ORDER BY leaf_index FOR UPDATE OF r`,
      [tenantId, indexes, KEPT_ENTITY_TYPE],
    );
    const found = rows.map(({ leaf_index }) => Number(leaf_index));
    const parts = pruneEvents(found, reason);
    const contents = await canonicalRecords(
      tenantId,
      actor,
      parts.map(({ event }) => event),
      dependencies,
    );
    await insertRecords(client, tenantId, contents);
    for (const [n, { indexes: named }] of parts.entries()) {
      const { id } = JSON.parse(contents[n] ?? "") as AuditRecord;
      await client.query(
        "UPDATE audit_records SET content = NULL, pruned_by = $3 WHERE tenant_id = $1 AND leaf_index = ANY($2)",
        [tenantId, named, id],
      );
    }
    return found;
  });
}
