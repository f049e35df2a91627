// What supervisors and auditors see: connections, failures, conflicts. No client's data; clients are named by their pseudonyms.
// Tests: test/http/sync-routes.test.ts
import type { PoolClient } from "pg";
import type { Actor } from "../audit/audit-event.js";
import { settleStatus } from "./client-leases.js";
import { connectionRecord, inTenant, type Link, type SyncContext, type SyncStatus } from "./sync-context.js";

export interface ConnectionOverview {
  readonly id: string;
  readonly crm_system: string;
  /** Why it does not work: the CRM is away, asks to wait, or takes the token no longer. */
  readonly problem: string | null;
  readonly problem_since: Date | null;
  readonly needs_reconnect: boolean;
  readonly is_away: boolean;
  readonly replayed_at: Date | null;
  readonly full_read_at: Date | null;
  readonly clients: Readonly<Record<SyncStatus, number>>;
  readonly waiting_events: number;
  readonly waiting_changes: number;
  readonly dead_letters: number;
}

export async function connectionOverview(context: SyncContext, link: Link): Promise<ConnectionOverview> {
  const { id, crm } = link.connection;
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<
      Omit<ConnectionOverview, "id" | "crm_system" | "is_away" | "clients">
    >(
      `SELECT problem, problem_since, token_problem IS NOT NULL AS needs_reconnect, replayed_at, full_read_at,
         (SELECT count(*)::integer FROM sync_events WHERE connection_id = n.id AND status = 'pending') AS waiting_events,
         (SELECT count(*)::integer FROM sync_outbox WHERE connection_id = n.id AND status IN ('pending', 'sending')) AS waiting_changes,
         (SELECT count(*)::integer FROM sync_outbox WHERE connection_id = n.id AND status = 'dead')
           + (SELECT count(*)::integer FROM sync_events WHERE connection_id = n.id AND status = 'dead') AS dead_letters
       FROM sync_connections n WHERE n.id = $1`,
      [id],
    );
    const counts = await client.query<{ status: SyncStatus; count: number }>(
      "SELECT status, count(*)::integer AS count FROM sync_clients WHERE connection_id = $1 GROUP BY status",
      [id],
    );
    const clients = { fresh: 0, syncing: 0, stale: 0, conflict: 0, failed: 0 };
    for (const { status, count } of counts.rows) clients[status] = count;
    const never = {
      problem: null,
      problem_since: null,
      needs_reconnect: false,
      replayed_at: null,
      full_read_at: null,
      waiting_events: 0,
      waiting_changes: 0,
      dead_letters: 0,
    };
    return { id, crm_system: crm, is_away: link.connector.isAway, ...(rows[0] ?? never), clients };
  });
}

/** For the watch over audit trails: all connections of a tenant, and how many changes wait for somebody. */
export async function syncFigures(
  { context, links }: { readonly context: SyncContext; readonly links: readonly Link[] },
  tenantId: string,
): Promise<{ readonly failures: number; readonly connections: readonly ConnectionOverview[] }> {
  const own = links.filter(({ connection }) => connection.tenant === tenantId);
  const connections = await Promise.all(own.map((link) => connectionOverview(context, link)));
  const failures = connections.reduce(
    (total, { dead_letters, clients }) => total + dead_letters + clients.conflict + clients.failed,
    0,
  );
  return { failures, connections };
}

export interface SyncFailure {
  readonly id: string;
  readonly connection_id: string;
  readonly kind: "change" | "erasure" | "event";
  readonly status: "conflict" | "dead";
  readonly subject: string | null;
  readonly problem: string | null;
  readonly attempts: number;
  readonly at: Date;
}

/** Conflicts and dead letters, the oldest first. */
export function failuresOf(
  context: SyncContext,
  link: Link,
  limit: number,
  offset: number,
): Promise<SyncFailure[]> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<SyncFailure>(
      `SELECT * FROM (
         SELECT id::text, connection_id, CASE kind WHEN 'erase' THEN 'erasure' ELSE 'change' END AS kind, status, subject, problem, attempts,
           created_at AS at FROM sync_outbox WHERE connection_id = $1 AND status IN ('conflict', 'dead')
         UNION ALL
         SELECT 'event-' || seq, connection_id, 'event', status, subject, problem, 0, received_at FROM sync_events
         WHERE connection_id = $1 AND status = 'dead') AS failures
       ORDER BY at, id LIMIT $2 OFFSET $3`,
      [link.connection.id, limit, offset],
    );
    return rows;
  });
}

/**
 * Has a dead letter tried again; of an event, all of its client.
 * @param id as {@link failuresOf} gives it
 * @returns whether there was one
 */
export async function retryDeadLetter(
  context: SyncContext,
  link: Link,
  id: string,
  actor: Actor,
): Promise<boolean> {
  const found = await inTenant(context, link, async (client) => {
    const subject = id.startsWith("event-")
      ? await retryEvents(client, link, id)
      : await retryChange(client, link, id);
    if (subject === undefined) return false;
    await settleStatus(client, link.connection.id, subject);
    const record = connectionRecord(link, { step: "dead letter retried", letter: id });
    await context.audit.append(client, link.connection.tenant, actor, [record]);
    return true;
  });
  if (found) context.wake();
  return found;
}

async function retryChange(client: PoolClient, link: Link, id: string): Promise<string | undefined> {
  const { rows } = await client.query<{ subject: string }>(
    `UPDATE sync_outbox SET status = CASE WHEN sent_version IS NULL THEN 'pending' ELSE 'sending' END, attempts = 0, next_attempt_at = now()
     WHERE connection_id = $1 AND id = $2 AND status = 'dead' RETURNING subject`,
    [link.connection.id, id],
  );
  return rows[0]?.subject;
}

async function retryEvents(client: PoolClient, link: Link, id: string): Promise<string | undefined> {
  const { rows } = await client.query<{ subject: string }>(
    `UPDATE sync_events SET status = 'pending', problem = NULL WHERE connection_id = $1 AND status = 'dead' AND subject = (
       SELECT subject FROM sync_events WHERE connection_id = $1 AND seq = $2 AND status = 'dead') RETURNING subject`,
    [link.connection.id, id.slice("event-".length)],
  );
  const subject = rows[0]?.subject;
  if (subject === undefined) return undefined;
  await client.query(
    `UPDATE sync_clients SET wanted = wanted + 1, attempts = 0, next_attempt_at = now(), reason = NULL WHERE connection_id = $1 AND subject = $2`,
    [link.connection.id, subject],
  );
  return subject;
}
