// What buffers of records have lost: of processes that are gone, and because they were full. Somebody has to have looked into it.
// Tests: test/integration/audit-policy.test.ts, test/integration/audit-watch.test.ts
import type { PoolClient } from "pg";
import type { Loss, RecordBufferOptions } from "./record-buffer.js";

/** A process that has said nothing for so long is gone. */
export const GONE_AFTER_SECONDS = 180;

/**
 * Puts on record what processes have taken along that were killed while they had a buffer: what they had said to have and had not
 * written, and since when nobody knows. In a transaction of the tenant.
 */
export async function settleGoneBuffers(
  client: PoolClient,
  tenantId: string,
  { insert, lossRecord }: Pick<RecordBufferOptions, "insert" | "lossRecord">,
): Promise<Loss[]> {
  const { rows } = await client.query<{
    process_id: string;
    capacity: number;
    accepted: string;
    written: string;
    told_at: Date;
  }>(
    `UPDATE audit_buffers SET closed_at = now(), settled_at = now(), acknowledged_at = NULL
     WHERE tenant_id = $1 AND closed_at IS NULL AND told_at < now() - make_interval(secs => $2)
     RETURNING process_id, capacity, accepted, written, told_at`,
    [tenantId, GONE_AFTER_SECONDS],
  );
  const losses = rows.map(({ process_id, capacity, accepted, written, told_at }) => ({
    processId: process_id,
    lost: Number(accepted) - Number(written),
    silentSince: told_at.toISOString(),
    heldAtMost: capacity,
  }));
  for (const loss of losses) await insert(client, tenantId, [await lossRecord(tenantId, loss)]);
  return losses;
}

/** A loss that nobody has looked into yet. */
export interface OpenLoss {
  readonly process_id: string;
  /** Since it was last acknowledged. */
  readonly lost: number;
  /** Where the process is gone: when it said something for the last time. */
  readonly silent_since: Date | null;
  readonly capacity: number;
}

/** The oldest first, at most 20. */
export async function openLosses(client: PoolClient, tenantId: string): Promise<OpenLoss[]> {
  const { rows } = await client.query<Omit<OpenLoss, "lost"> & { lost: string }>(
    `SELECT process_id, capacity, lost - lost_acknowledged AS lost,
       CASE WHEN settled_at IS NOT NULL AND acknowledged_at IS NULL THEN told_at END AS silent_since
     FROM audit_buffers
     WHERE tenant_id = $1 AND (lost > lost_acknowledged OR (settled_at IS NOT NULL AND acknowledged_at IS NULL))
     ORDER BY told_at LIMIT 20`,
    [tenantId],
  );
  return rows.map((row) => ({ ...row, lost: Number(row.lost) }));
}

/** @returns how many losses were open */
export async function acknowledgeLosses(
  client: PoolClient,
  tenantId: string,
  actorId: string,
): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE audit_buffers SET acknowledged_at = now(), acknowledged_by = $2, lost_acknowledged = lost
     WHERE tenant_id = $1 AND (lost > lost_acknowledged OR (settled_at IS NOT NULL AND acknowledged_at IS NULL))`,
    [tenantId, actorId],
  );
  return rowCount ?? 0;
}
