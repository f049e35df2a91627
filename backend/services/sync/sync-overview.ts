// What supervisors and auditors see: connections, failures, conflicts. No client's data; clients are named by their pseudonyms.
// Tests: test/http/sync-routes.test.ts
import type { PoolClient } from "pg";
import type { Actor } from "../audit/audit-event.js";
import type { SyncFigures } from "../audit/status/audit-watch.js";
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

export interface TenantSyncFigures extends SyncFigures {
  /** Conflicts, dead letters, clients that could not be read and have none, connections that have to be made anew. */
  readonly failures: number;
  /** Connections that have not worked for as long as makes their clients stale, in words. */
  readonly problems: readonly string[];
  readonly connections: readonly ConnectionOverview[];
}

/** For the watch over audit trails: all connections of a tenant, and what of theirs waits for somebody. */
export async function syncFigures(
  { context, links }: { readonly context: SyncContext; readonly links: readonly Link[] },
  tenantId: string,
): Promise<TenantSyncFigures> {
  const own = links.filter(({ connection }) => connection.tenant === tenantId);
  const found = await Promise.all(
    own.map(async (link) => ({
      overview: await connectionOverview(context, link),
      unread: await unreadClients(context, link),
    })),
  );
  const connections = found.map(({ overview }) => overview);
  const failures = found.reduce(
    (total, { overview: { dead_letters, clients, needs_reconnect }, unread }) =>
      total + dead_letters + clients.conflict + unread + (needs_reconnect ? 1 : 0),
    0,
  );
  const problems = connections.flatMap(({ crm_system, problem, problem_since }) => {
    const seconds = problem_since ? Math.round((Date.now() - problem_since.getTime()) / 1000) : 0;
    return seconds > context.limits.staleAfterSeconds
      ? [`${crm_system} has not been read for ${seconds} s: ${problem}`]
      : [];
  });
  return { failures, problems, connections };
}

/** What a reading of all clients gives up has no event, and so no dead letter. */
function unreadClients(context: SyncContext, link: Link): Promise<number> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM sync_clients c WHERE connection_id = $1 AND status = 'failed'
         AND NOT EXISTS (SELECT FROM sync_outbox o WHERE o.connection_id = $1 AND o.subject = c.subject AND o.status = 'dead')
         AND NOT EXISTS (SELECT FROM sync_events e WHERE e.connection_id = $1 AND e.subject = c.subject AND e.status = 'dead')`,
      [link.connection.id],
    );
    return rows[0]?.count ?? 0;
  });
}

export interface ClientStatus {
  readonly subject: string;
  readonly status: SyncStatus;
  readonly reason: string | null;
  readonly read_at: Date | null;
}

/** Clients of a status by their pseudonyms, in their order. @param after the pseudonym of the last one that is known */
export function clientsOf(
  context: SyncContext,
  link: Link,
  {
    status,
    limit,
    after = "",
  }: { readonly status: SyncStatus; readonly limit: number; readonly after?: string },
): Promise<ClientStatus[]> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<ClientStatus>(
      `SELECT subject, status, reason, read_at FROM sync_clients
       WHERE connection_id = $1 AND status = $2 AND subject > $3 ORDER BY subject LIMIT $4`,
      [link.connection.id, status, after, limit],
    );
    return rows;
  });
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

/** Conflicts and dead letters, the oldest first. @param after the last one that is known */
export function failuresOf(
  context: SyncContext,
  link: Link,
  limit: number,
  after?: Pick<SyncFailure, "at" | "id">,
): Promise<SyncFailure[]> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<SyncFailure>(
      `SELECT * FROM (
         SELECT id::text, connection_id, CASE kind WHEN 'erase' THEN 'erasure' ELSE 'change' END AS kind, status, subject, problem, attempts,
           created_at AS at FROM sync_outbox WHERE connection_id = $1 AND status IN ('conflict', 'dead')
         UNION ALL
         SELECT 'event-' || seq, connection_id, 'event', status, subject, problem, 0, received_at FROM sync_events
         WHERE connection_id = $1 AND status = 'dead') AS failures
       WHERE $3::timestamptz IS NULL OR (at, id) > ($3, $4::text) ORDER BY at, id LIMIT $2`,
      [link.connection.id, limit, after?.at ?? null, after?.id ?? null],
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
