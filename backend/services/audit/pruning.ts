// The storage's side of retention: contents go, leaves stay, and a record says which went and why.
// Tests: test/integration/audit-prune.test.ts
import type { Pool, PoolClient } from "pg";
import type { Actor, AuditRecord } from "./audit-event.js";
import { insertRecords } from "./audit-trail.js";
import { canonicalRecords, type RecordDependencies } from "./canonical-record.js";
import { KEPT_ENTITY_TYPE, pruneEvents } from "./prune-record.js";
import { inTransaction } from "./tree-store.js";

export interface PruneRequest {
  readonly tenantId: string;
  /** Of records whose time is over. Those that are pruned already, or not signed yet, are left. */
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
    // What no checkpoint covers yet could not be told from a loss.
    const { rows } = await client.query<{ leaf_index: string }>(
      `SELECT leaf_index FROM audit_records
         WHERE tenant_id = $1 AND leaf_index = ANY($2) AND content IS NOT NULL AND entity_type <> $3
           AND leaf_index < (SELECT coalesce(max(tree_size), 0) FROM audit_checkpoints WHERE tenant_id = $1)
         ORDER BY leaf_index FOR UPDATE`,
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

/** Which records' time is over: batches of indexes, ascending. What is on legal hold is not among them. */
export type PrunePlan = (
  client: Pick<PoolClient, "query">,
  tenantId: string,
) => AsyncIterable<{ readonly indexes: readonly number[]; readonly reason: string }>;

export interface PlannedPruning extends RecordDependencies {
  readonly pool: Pool;
  readonly tenantId: string;
  readonly plan: PrunePlan;
  readonly actor: Actor;
  /** Default false: counts only. */
  readonly isDryRun?: boolean;
  /** Hears of each batch that is gone: copies of it elsewhere have to go, too. */
  readonly onPruned?: (indexes: readonly number[]) => Promise<void>;
}

/** Carries a plan out, one transaction for each batch. Interrupted, the next run goes on. @returns how many were pruned */
export async function prunePlanned({
  pool,
  tenantId,
  plan,
  actor,
  isDryRun = false,
  onPruned,
  ...dependencies
}: PlannedPruning): Promise<number> {
  let count = 0;
  for await (const { indexes, reason } of plan(pool, tenantId)) {
    if (isDryRun) count += indexes.length;
    else {
      const pruned = await pruneRecords(pool, { tenantId, indexes, reason, actor }, dependencies);
      count += pruned.length;
      await onPruned?.(pruned);
    }
  }
  return count;
}

const BATCH_RECORDS = 1000;

/** The simplest plan: all that were made before a time, of one data class or of all. It knows of no legal hold. */
export function olderThan({
  before,
  dataClass,
  reason,
}: {
  readonly before: Date;
  readonly dataClass?: string | undefined;
  readonly reason: string;
}): PrunePlan {
  return async function* (client, tenantId) {
    for (let from = 0; ; ) {
      const { rows } = await client.query<{ leaf_index: string }>(
        `SELECT leaf_index FROM audit_records
           WHERE tenant_id = $1 AND leaf_index >= $2 AND content IS NOT NULL AND entity_type <> $3
             AND recorded_at < $4 AND data_class = coalesce($5, data_class)
             AND leaf_index < (SELECT coalesce(max(tree_size), 0) FROM audit_checkpoints WHERE tenant_id = $1)
           ORDER BY leaf_index LIMIT $6`,
        [tenantId, from, KEPT_ENTITY_TYPE, before.toISOString(), dataClass ?? null, BATCH_RECORDS],
      );
      const indexes = rows.map(({ leaf_index }) => Number(leaf_index));
      if (indexes.length > 0) yield { indexes, reason };
      if (indexes.length < BATCH_RECORDS) return;
      from = (indexes.at(-1) ?? 0) + 1;
    }
  };
}
