// Retention: which records' time is over, by data class and without those on hold; and their pruning.
// Tests: test/integration/audit-retention.test.ts
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../../db/tenant-transaction.js";
import { type Actor, DATA_CLASSES, type DataClass } from "../audit-event.js";
import type { RecordDependencies } from "../canonical-record.js";
import { HELD } from "../held-records.js";
import { type ClassPolicy, PolicyStore } from "../policy/class-policy.js";
import { KEPT_ENTITY_TYPE, PRUNER } from "../prune-record.js";
import { pruneRecords } from "../pruning.js";
import { lockRetention } from "./legal-holds.js";

export interface PruneOptions {
  readonly pool: Pool;
  readonly tenantId: string;
  /** Counts, and changes nothing. */
  readonly isDryRun: boolean;
  /** Of the records that say what was pruned. */
  readonly dependencies: RecordDependencies;
  /** Default: the system. */
  readonly actor?: Actor;
  /** Milliseconds since 1970. Default: now. */
  readonly nowMs?: number;
  /** Told of what went, so that copies go, too. */
  readonly onPruned?: (tenantId: string, indexes: readonly number[]) => Promise<void>;
}

export interface ClassRetention {
  readonly dataClass: DataClass;
  readonly retentionDays: number;
  /** Records from before this time are over, ISO 8601. */
  readonly cutoff: string;
  /** Whose time is over and whom nothing holds: pruned, or what would be. */
  readonly over: number;
  /** Whose time is over, and which a legal hold keeps. */
  readonly held: number;
}

const MAX_BATCH = 2000;
const DAY_MS = 86_400_000;

/** Whose time is over: $1 tenant, $2 class, $3 cutoff. What no checkpoint covers yet stays: its loss could not be told from pruning. */
const OVER = `r.tenant_id = $1 AND r.data_class = $2 AND r.recorded_at < $3 AND r.content IS NOT NULL
  AND r.entity_type <> '${KEPT_ENTITY_TYPE}'
  AND r.leaf_index < (SELECT coalesce(max(tree_size), 0) FROM audit_checkpoints WHERE tenant_id = $1)`;
/** Class by class, in batches; each batch's record is committed with it. A run that is interrupted is begun again. */
export async function pruneTenant(options: PruneOptions): Promise<ClassRetention[]> {
  const { pool, tenantId, isDryRun, nowMs = Date.now() } = options;
  const policy = await inTenant(pool, tenantId, (client) => new PolicyStore(pool).read(client, tenantId));
  const report: ClassRetention[] = [];
  for (const dataClass of DATA_CLASSES) {
    const { retentionDays } = policy[dataClass];
    const cutoff = new Date(nowMs - retentionDays * DAY_MS).toISOString();
    const pruned = isDryRun ? undefined : await pruneClass(options, dataClass, policy[dataClass], cutoff);
    const { over, held } = await inTenant(pool, tenantId, (client) =>
      countOver(client, [tenantId, dataClass, cutoff]),
    );
    report.push({ dataClass, retentionDays, cutoff, over: pruned ?? over, held });
  }
  return report;
}

async function pruneClass(
  { pool, tenantId, dependencies, actor = PRUNER, onPruned }: PruneOptions,
  dataClass: DataClass,
  { retentionDays }: ClassPolicy,
  cutoff: string,
): Promise<number> {
  const reason = `retention: ${dataClass}, ${retentionDays} days`;
  for (let total = 0; ; ) {
    // The lock is held until the batch is committed: a hold is set before it was looked for, or after what it names is gone.
    const pruned = await inTenant(pool, tenantId, async (client) => {
      await lockRetention(client, tenantId);
      const { rows } = await client.query<{ leaf_index: string }>(
        `SELECT r.leaf_index FROM audit_records r WHERE ${OVER} AND NOT ${HELD} ORDER BY r.leaf_index LIMIT ${MAX_BATCH}`,
        [tenantId, dataClass, cutoff],
      );
      const indexes = rows.map(({ leaf_index }) => Number(leaf_index));
      if (indexes.length === 0) return [];
      return await pruneRecords(pool, { tenantId, indexes, reason, actor }, dependencies);
    });
    if (pruned.length === 0) return total;
    total += pruned.length;
    await onPruned?.(tenantId, pruned);
  }
}

async function countOver(
  client: PoolClient,
  values: readonly string[],
): Promise<{ over: number; held: number }> {
  const { rows } = await client.query<{ over: string; held: string }>(
    `SELECT count(*) FILTER (WHERE NOT is_held) AS over, count(*) FILTER (WHERE is_held) AS held
     FROM (SELECT ${HELD} AS is_held FROM audit_records r WHERE ${OVER}) AS records`,
    [...values],
  );
  return { over: Number(rows[0]?.over ?? 0), held: Number(rows[0]?.held ?? 0) };
}

const inTenant = <T>(pool: Pool, tenantId: string, work: (client: PoolClient) => Promise<T>) =>
  withTenant(pool, tenantId, work, { anyTenant: true });
