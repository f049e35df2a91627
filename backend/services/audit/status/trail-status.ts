// How a tenant's trail stands: the last checkpoint and its age, what no checkpoint covers yet, erasures, and what buffers have lost.
// Tests: test/http/audit-routes.test.ts
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../../db/tenant-transaction.js";
import type { AuditLog, AuditRecord } from "../audit-event.js";

export interface CheckpointStatus {
  /** The signed note; `null` where nothing was signed yet. */
  readonly note: string | null;
  /** Records that it covers. */
  readonly treeSize: number;
  readonly signedAt: Date | null;
  /** Seconds. */
  readonly ageSeconds: number | null;
  /** Records that are committed, and that it does not cover. */
  readonly notCovered: number;
  /** How long the oldest of these has waited, seconds; 0 where there are none. */
  readonly waitingSeconds: number;
}

export async function checkpointStatus(pool: Pool, tenantId: string): Promise<CheckpointStatus> {
  return await reading(pool, tenantId, async (client) => {
    const { rows } = await client.query<{
      note: string | null;
      tree_size: string | null;
      signed_at: Date | null;
      age: number | null;
      placed: string;
      pending: string;
      oldest: string | null;
    }>(
      `WITH last AS (
         SELECT note, tree_size, signed_at FROM audit_checkpoints WHERE tenant_id = $1 ORDER BY tree_size DESC LIMIT 1
       ), signed AS (SELECT coalesce((SELECT tree_size FROM last), 0) AS size)
       SELECT (SELECT note FROM last), (SELECT tree_size FROM last), (SELECT signed_at FROM last),
         (SELECT extract(epoch FROM now() - signed_at)::float8 FROM last) AS age,
         (SELECT count(*) FROM audit_records, signed WHERE tenant_id = $1 AND leaf_index >= signed.size) AS placed,
         (SELECT count(*) FROM audit_pending WHERE tenant_id = $1) AS pending,
         coalesce(
           (SELECT recorded_at FROM audit_records, signed WHERE tenant_id = $1 AND leaf_index >= signed.size
            ORDER BY leaf_index LIMIT 1),
           (SELECT content::jsonb ->> 'at' FROM audit_pending WHERE tenant_id = $1 ORDER BY id LIMIT 1)
         ) AS oldest`,
      [tenantId],
    );
    const [row] = rows;
    if (!row) throw new Error("SELECT without FROM returns a row");
    const waitingMs = row.oldest === null ? 0 : Math.max(0, Date.now() - Date.parse(row.oldest));
    return {
      note: row.note,
      treeSize: Number(row.tree_size ?? 0),
      signedAt: row.signed_at,
      ageSeconds: row.age === null ? null : Math.max(0, Math.round(row.age)),
      notCovered: Number(row.placed) + Number(row.pending),
      waitingSeconds: Math.round(waitingMs / 1000),
    };
  });
}

export interface IndexPage {
  readonly limit: number;
  /** Those with a lower index. Default: from the newest on. */
  readonly before?: number | undefined;
}

/** Tombstones: what was erased when, why, and by whom. The newest first; those that wait for their place are among them. */
export async function erasures(pool: Pool, tenantId: string, page: IndexPage): Promise<AuditLog[]> {
  const waiting = page.before === undefined ? await waitingErasures(pool, tenantId, page.limit) : [];
  const done = await placed(
    pool,
    `SELECT leaf_index, content FROM audit_records
     WHERE tenant_id = $1 AND leaf_index < $2 AND action = 'erase' AND entity_type <> 'audit_record'
     ORDER BY leaf_index DESC LIMIT $3`,
    tenantId,
    [page.before ?? Number.MAX_SAFE_INTEGER, page.limit],
  );
  return [...waiting, ...done].slice(0, page.limit);
}

async function waitingErasures(pool: Pool, tenantId: string, limit: number): Promise<AuditLog[]> {
  const { rows } = await reading(pool, tenantId, (client) =>
    client.query<{ content: string }>(
      `SELECT content FROM audit_pending WHERE tenant_id = $1 AND content::jsonb ->> 'action' = 'erase'
         AND content::jsonb ->> 'entityType' <> 'audit_record' ORDER BY id DESC LIMIT $2`,
      [tenantId, limit],
    ),
  );
  return rows.map(({ content }) => JSON.parse(content) as AuditRecord);
}

/** Records in their order, from an index on: what an export goes through. Pruned ones are left out. */
export async function recordsFrom(
  pool: Pool,
  tenantId: string,
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<AuditLog[]> {
  return await placed(
    pool,
    `SELECT leaf_index, content FROM audit_records
     WHERE tenant_id = $1 AND leaf_index >= $2 AND content IS NOT NULL ORDER BY leaf_index LIMIT $3`,
    tenantId,
    [from, limit],
  );
}

/** Losses of buffers that are on record, the newest first. */
export async function bufferLosses(pool: Pool, tenantId: string, limit: number): Promise<AuditLog[]> {
  return await placed(
    pool,
    `SELECT leaf_index, content FROM audit_records
     WHERE tenant_id = $1 AND leaf_index < $2 AND entity_type = 'audit_buffer' ORDER BY leaf_index DESC LIMIT $3`,
    tenantId,
    [Number.MAX_SAFE_INTEGER, limit],
  );
}

async function placed(
  pool: Pool,
  sql: string,
  tenantId: string,
  values: readonly number[],
): Promise<AuditLog[]> {
  const { rows } = await reading(pool, tenantId, (client) =>
    client.query<{ leaf_index: string; content: string }>(sql, [tenantId, ...values]),
  );
  return rows.map(({ leaf_index, content }) => ({
    ...(JSON.parse(content) as AuditRecord),
    index: Number(leaf_index),
  }));
}

const reading = <T>(pool: Pool, tenantId: string, work: (client: PoolClient) => Promise<T>) =>
  withTenant(pool, tenantId, work, { readOnly: true, anyTenant: true });
