// The queue of AI actions as rows: state, with leases. Each query runs inside a tenant's transaction.
// Tests: test/integration/overlay-ai.test.ts
import type { PoolClient } from "pg";

export const AI_STATUSES = ["pending", "leased", "done", "dead"] as const;
export type AIStatus = (typeof AI_STATUSES)[number];

export interface ActionRow {
  readonly id: string;
  readonly agent_id: string;
  readonly subjects: readonly string[];
  readonly priority: number;
  readonly status: AIStatus;
  readonly sealed: Buffer;
  readonly result: Buffer | null;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly due_at: Date;
  readonly lease: string | null;
  readonly leased_until: Date | null;
  readonly problem: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface NewAction {
  readonly id: string;
  readonly agentId: string;
  readonly subjects: readonly string[];
  readonly idempotencyKey: string | null;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly dueAt: Date | null;
  readonly sealed: Buffer;
}

const COLUMNS =
  "id, agent_id, subjects, priority, status, sealed, result, attempts, max_attempts, due_at, lease, leased_until, problem, created_at, updated_at";

/** What waits for one agent's work is counted by one at a time. */
export async function holdQueue(client: PoolClient, tenantId: string, agentId: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 32))", [`${tenantId}:${agentId}`]);
}

export async function openActions(client: PoolClient, tenantId: string, agentId: string): Promise<number> {
  const { rows } = await client.query<{ open: number }>(
    `SELECT count(*)::int AS open FROM overlay_ai_actions
     WHERE tenant_id = $1 AND agent_id = $2 AND status IN ('pending', 'leased')`,
    [tenantId, agentId],
  );
  return rows[0]?.open ?? 0;
}

export async function findByKey(
  client: PoolClient,
  tenantId: string,
  agentId: string,
  idempotencyKey: string,
): Promise<ActionRow | undefined> {
  const { rows } = await client.query<ActionRow>(
    `SELECT ${COLUMNS} FROM overlay_ai_actions WHERE tenant_id = $1 AND agent_id = $2 AND idempotency_key = $3`,
    [tenantId, agentId, idempotencyKey],
  );
  return rows[0];
}

export async function addAction(client: PoolClient, tenantId: string, action: NewAction): Promise<ActionRow> {
  const { rows } = await client.query<ActionRow>(
    `INSERT INTO overlay_ai_actions (tenant_id, id, agent_id, subjects, idempotency_key, priority, max_attempts, due_at, sealed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, now()), $9) RETURNING ${COLUMNS}`,
    [
      tenantId,
      action.id,
      action.agentId,
      action.subjects,
      action.idempotencyKey,
      action.priority,
      action.maxAttempts,
      action.dueAt,
      action.sealed,
    ],
  );
  return only(rows);
}

/** The queue as it stands: what is worked on next comes first; of what is over, the latest. */
export async function listActions(
  client: PoolClient,
  tenantId: string,
  agentId: string,
  statuses: readonly AIStatus[],
  limit: number,
): Promise<ActionRow[]> {
  const { rows } = await client.query<ActionRow>(
    `SELECT ${COLUMNS} FROM overlay_ai_actions WHERE tenant_id = $1 AND agent_id = $2 AND status = ANY($3)
     ORDER BY expires_at DESC NULLS FIRST, priority DESC, seq LIMIT $4`,
    [tenantId, agentId, statuses, limit],
  );
  return rows;
}

/**
 * Takes what is due, the most urgent first, and past whatever others are taking at this moment. A lease that is over was somebody's who has died: its
 * attempt counts.
 * @returns what is leased now, and what has no attempts left and was given up instead
 */
export async function claimActions(
  client: PoolClient,
  tenantId: string,
  agentId: string,
  { limit, leaseSeconds, keptSeconds }: { limit: number; leaseSeconds: number; keptSeconds: number },
): Promise<ActionRow[]> {
  const { rows } = await client.query<ActionRow>(
    `WITH due AS MATERIALIZED (
       SELECT id FROM overlay_ai_actions
       WHERE tenant_id = $1 AND agent_id = $2
         AND (status = 'pending' AND due_at <= now() OR status = 'leased' AND leased_until <= now())
       ORDER BY priority DESC, seq LIMIT $3 FOR UPDATE SKIP LOCKED
     )
     UPDATE overlay_ai_actions a SET
       status = CASE WHEN a.attempts < a.max_attempts THEN 'leased' ELSE 'dead' END,
       problem = CASE WHEN a.attempts < a.max_attempts THEN a.problem ELSE 'lease_over' END,
       lease = CASE WHEN a.attempts < a.max_attempts THEN gen_random_uuid() END,
       leased_until = CASE WHEN a.attempts < a.max_attempts THEN now() + make_interval(secs => $4) END,
       expires_at = CASE WHEN a.attempts < a.max_attempts THEN NULL ELSE now() + make_interval(secs => $5) END,
       attempts = least(a.attempts + 1, a.max_attempts), updated_at = now()
     FROM due WHERE a.tenant_id = $1 AND a.id = due.id
     RETURNING ${COLUMNS.split(", ")
       .map((column) => `a.${column}`)
       .join(", ")}`,
    [tenantId, agentId, limit, leaseSeconds, keptSeconds],
  );
  return rows.sort((a, b) => b.priority - a.priority || a.created_at.getTime() - b.created_at.getTime());
}

export async function lockAction(
  client: PoolClient,
  tenantId: string,
  id: string,
): Promise<ActionRow | undefined> {
  const { rows } = await client.query<ActionRow>(
    `SELECT ${COLUMNS} FROM overlay_ai_actions WHERE tenant_id = $1 AND id = $2 FOR UPDATE`,
    [tenantId, id],
  );
  return rows[0];
}

export async function completeAction(
  client: PoolClient,
  tenantId: string,
  id: string,
  result: Buffer | null,
  keptSeconds: number,
): Promise<ActionRow> {
  const { rows } = await client.query<ActionRow>(
    `UPDATE overlay_ai_actions SET status = 'done', result = $3, problem = NULL, leased_until = NULL, updated_at = now(),
       expires_at = now() + make_interval(secs => $4) WHERE tenant_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
    [tenantId, id, result, keptSeconds],
  );
  return only(rows);
}

/** Free again after a pause, or given up. */
export async function failAction(
  client: PoolClient,
  tenantId: string,
  id: string,
  problem: string,
  outcome: { readonly retryAfterSeconds: number } | { readonly keptSeconds: number },
): Promise<ActionRow> {
  const isDead = "keptSeconds" in outcome;
  const { rows } = await client.query<ActionRow>(
    `UPDATE overlay_ai_actions SET status = $4, problem = $3, leased_until = NULL, updated_at = now(),
       due_at = CASE WHEN $4 = 'dead' THEN due_at ELSE now() + make_interval(secs => $5) END,
       expires_at = CASE WHEN $4 = 'dead' THEN now() + make_interval(secs => $5) END
     WHERE tenant_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
    [
      tenantId,
      id,
      problem,
      isDead ? "dead" : "pending",
      isDead ? outcome.keptSeconds : outcome.retryAfterSeconds,
    ],
  );
  return only(rows);
}

/** A dead one begins anew. */
export async function reviveAction(client: PoolClient, tenantId: string, id: string): Promise<ActionRow> {
  const { rows } = await client.query<ActionRow>(
    `UPDATE overlay_ai_actions SET status = 'pending', attempts = 0, lease = NULL, leased_until = NULL, due_at = now(),
       expires_at = NULL, updated_at = now() WHERE tenant_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
    [tenantId, id],
  );
  return only(rows);
}

export async function removeExpiredActions(
  client: PoolClient,
  tenantId: string,
  limit: number,
): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM overlay_ai_actions WHERE tenant_id = $1 AND id IN (
       SELECT id FROM overlay_ai_actions WHERE tenant_id = $1 AND expires_at <= now() LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [tenantId, limit],
  );
  return rowCount ?? 0;
}

function only(rows: readonly ActionRow[]): ActionRow {
  const [row] = rows;
  if (!row) throw new Error("overlay_ai_actions: a statement returned no row");
  return row;
}
