// Reads records: those of the tree, and those that wait for their place in it.
// Tests: test/integration/audit-trail.test.ts
import type { PoolClient } from "pg";
import type { AuditLog, AuditRecord } from "./audit-event.js";
import { storable, subjectEntity } from "./canonical-record.js";

export interface LogPage {
  /** Records at most. Default 50, at most 500. */
  readonly limit?: number;
  /** Those with a lower index. Default: from the newest on, with those that have no index yet. */
  readonly before?: number;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

export interface EntityQuery {
  readonly entityType: string;
  readonly entityId: string;
  /** What the id is stored as where the entity is the subject itself. */
  readonly subject: string;
}

/** The newest first. Pruned records are about nothing any more. */
export async function logsOfEntity(
  client: Pick<PoolClient, "query">,
  tenantId: string,
  { entityType, entityId, subject }: EntityQuery,
  { limit = DEFAULT_LIMIT, before }: LogPage = {},
): Promise<AuditLog[]> {
  const most = Math.max(1, Math.min(Math.trunc(limit), MAX_LIMIT));
  const ids = [storable(entityId), subjectEntity(subject)];
  const waiting =
    before === undefined
      ? await client.query<{ content: string }>(
          `SELECT content FROM audit_pending WHERE tenant_id = $1 AND content::jsonb ->> 'entityType' = $2
             AND content::jsonb ->> 'entityId' = ANY($3) ORDER BY id DESC LIMIT $4`,
          [tenantId, storable(entityType), ids, most],
        )
      : { rows: [] };
  const placed = await client.query<{ leaf_index: string; content: string }>(
    `SELECT leaf_index, content FROM audit_records WHERE tenant_id = $1 AND entity_type = $2 AND entity_id = ANY($3)
       AND leaf_index < $4 ORDER BY leaf_index DESC LIMIT $5`,
    [tenantId, storable(entityType), ids, before ?? Number.MAX_SAFE_INTEGER, most],
  );
  return [
    ...waiting.rows.map(({ content }) => JSON.parse(content) as AuditRecord),
    ...placed.rows.map(({ leaf_index, content }) => ({
      ...(JSON.parse(content) as AuditRecord),
      index: Number(leaf_index),
    })),
  ].slice(0, most);
}
