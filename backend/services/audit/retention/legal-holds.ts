// Legal holds: what must be kept, whatever its age. Who sets one is answered when nothing that it names can be pruned any more.
// Tests: test/integration/audit-retention.test.ts, test/http/audit-routes.test.ts
import type { PoolClient } from "pg";
import { notFound } from "../../../http/problem.js";

export interface LegalHold {
  readonly id: string;
  /** Pseudonym. Absent: of anybody, and of nobody. */
  readonly subject: string | null;
  readonly entity_type: string | null;
  readonly entity_id: string | null;
  readonly reason: string;
  readonly set_by: string;
  readonly set_at: Date;
  readonly released_by: string | null;
  readonly released_at: Date | null;
}

/** All of what is said has to fit; nothing said is all records of the tenant. */
export interface HoldScope {
  readonly subject?: string | undefined;
  readonly entityType?: string | undefined;
  /** With its type. An id of the tenant's own rows; people are held as subjects. */
  readonly entityId?: string | undefined;
}

const COLUMNS = "id, subject, entity_type, entity_id, reason, set_by, set_at, released_by, released_at";

/** A run of pruning and a new hold wait for each other. In the caller's transaction. */
export async function lockRetention(client: PoolClient, tenantId: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 35))", [tenantId.toLowerCase()]);
}

/** The newest first, at most 500. */
export async function holdsOf(client: PoolClient, tenantId: string): Promise<LegalHold[]> {
  const { rows } = await client.query<LegalHold>(
    `SELECT ${COLUMNS} FROM audit_legal_holds WHERE tenant_id = $1 ORDER BY set_at DESC, id LIMIT 500`,
    [tenantId],
  );
  return rows;
}

export async function setHold(
  client: PoolClient,
  tenantId: string,
  { subject, entityType, entityId }: HoldScope,
  reason: string,
  actorId: string,
): Promise<LegalHold> {
  await lockRetention(client, tenantId);
  const { rows } = await client.query<LegalHold>(
    `INSERT INTO audit_legal_holds (tenant_id, subject, entity_type, entity_id, reason, set_by)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
    [tenantId, subject, entityType, entityId, reason, actorId],
  );
  const [hold] = rows;
  if (!hold) throw new Error("INSERT returned nothing");
  return hold;
}

/** @throws HttpProblem 404 where there is no such hold, or it is released already */
export async function releaseHold(
  client: PoolClient,
  tenantId: string,
  id: string,
  actorId: string,
): Promise<LegalHold> {
  const { rows } = await client.query<LegalHold>(
    `UPDATE audit_legal_holds SET released_by = $3, released_at = now()
     WHERE tenant_id = $1 AND id = $2 AND released_at IS NULL RETURNING ${COLUMNS}`,
    [tenantId, id, actorId],
  );
  const [hold] = rows;
  if (!hold) throw notFound("There is no hold with this id that is not released.");
  return hold;
}
