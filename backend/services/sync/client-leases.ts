// One at a time works on a client: claims, and what a reading of the source makes of the row. Who has lost the lease changes nothing.
// Tests: test/integration/sync-inbound.test.ts
import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import type { SourceClient } from "./connector.js";
import {
  actorOf,
  backoffMs,
  clientRecord,
  inTenant,
  type Link,
  SEALED,
  type SyncContext,
  subjectIdOf,
} from "./sync-context.js";

/** Longer than all requests that are made under it take. */
const LEASE_SECONDS = 60;

export interface LeasedClient {
  readonly subject: string;
  readonly crm_id: Buffer;
  readonly lease: string;
  readonly version: string | null;
  readonly attempts: number;
  /** Events up to here have asked for the reading that comes now. */
  readonly wanted: number;
  readonly done: number;
  readonly last_seq: number | null;
  readonly is_erasure_wanted: boolean;
  readonly has_changes: boolean;
}

/** Changes that may be sent now: none of the same client that is older is in their way. */
const SENDABLE = `sync_outbox o WHERE o.connection_id = $1 AND o.kind = 'update' AND o.status IN ('pending', 'sending')
  AND o.next_attempt_at <= now() AND NOT EXISTS (SELECT FROM sync_outbox older WHERE older.connection_id = o.connection_id
    AND older.subject = o.subject AND older.kind = 'update' AND older.status IN ('pending', 'sending', 'conflict', 'dead')
    AND older.seq < o.seq)`;
const LEASED = `subject, crm_id, lease, version, attempts, wanted::integer, done::integer, is_erasure_wanted, EXISTS (SELECT FROM ${SENDABLE} AND o.subject = c.subject) AS has_changes,
  (SELECT max(e.seq)::float8 FROM sync_events e WHERE e.connection_id = c.connection_id AND e.subject = c.subject AND e.status = 'pending') AS last_seq`;

/** Clients with something to do, up to `limit`, which are then this caller's for a minute. */
export function claimClients(context: SyncContext, link: Link, limit: number): Promise<LeasedClient[]> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<LeasedClient>(
      `UPDATE sync_clients c SET lease = $2, leased_until = now() + make_interval(secs => $4),
         status = CASE status WHEN 'conflict' THEN status ELSE 'syncing' END
       WHERE c.connection_id = $1 AND c.subject IN (
         SELECT subject FROM sync_clients c WHERE c.connection_id = $1 AND (leased_until IS NULL OR leased_until < now())
           AND subject IN (
             (SELECT subject FROM sync_clients WHERE connection_id = $1 AND wanted > done AND next_attempt_at <= now()
                AND (leased_until IS NULL OR leased_until < now()) ORDER BY next_attempt_at LIMIT $3)
             UNION (SELECT subject FROM ${SENDABLE} ORDER BY o.seq LIMIT $3))
         LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING ${LEASED}`,
      [link.connection.id, randomUUID(), limit, LEASE_SECONDS],
    );
    return rows;
  });
}

/** `undefined` where somebody else works on it, or it is not known here. */
export function claimClient(
  context: SyncContext,
  link: Link,
  subject: string,
): Promise<LeasedClient | undefined> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<LeasedClient>(
      `UPDATE sync_clients c SET lease = $3, leased_until = now() + make_interval(secs => $4)
       WHERE c.connection_id = $1 AND c.subject = $2 AND (leased_until IS NULL OR leased_until < now()) RETURNING ${LEASED}`,
      [link.connection.id, subject, randomUUID(), LEASE_SECONDS],
    );
    return rows[0];
  });
}

/** The client's id; `undefined` where the subject has been erased since. */
export async function openedId(context: SyncContext, link: Link, { crm_id }: Pick<LeasedClient, "crm_id">) {
  const crmId = await context.vault.open(link.connection.tenant, SEALED.crmId, crm_id);
  return typeof crmId === "string" ? crmId : undefined;
}

/** The lease for one step more. @returns whether it is still held */
export async function renewLease(
  client: PoolClient,
  link: Link,
  { subject, lease }: LeasedClient,
): Promise<boolean> {
  const { rowCount } = await client.query(
    "UPDATE sync_clients SET leased_until = now() + make_interval(secs => $4) WHERE connection_id = $1 AND subject = $2 AND lease = $3",
    [link.connection.id, subject, lease, LEASE_SECONDS],
  );
  return rowCount === 1;
}

/** As {@link renewLease}, of clients that were claimed together. @returns those that are still held */
export function renewLeases<T extends { readonly client: LeasedClient }>(
  context: SyncContext,
  link: Link,
  held: readonly T[],
): Promise<T[]> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<{ subject: string }>(
      `UPDATE sync_clients SET leased_until = now() + make_interval(secs => $4)
       WHERE connection_id = $1 AND subject = ANY($2) AND lease = ANY($3) RETURNING subject`,
      [
        link.connection.id,
        held.map(({ client: { subject } }) => subject),
        [...new Set(held.map(({ client: { lease } }) => lease))],
        LEASE_SECONDS,
      ],
    );
    const still = new Set(rows.map(({ subject }) => subject));
    return held.filter(({ client: { subject } }) => still.has(subject));
  });
}

export interface Reading {
  readonly crmId: string;
  readonly source: SourceClient | undefined;
  /** What else is committed with it. */
  readonly inSameTransaction?: (client: PoolClient) => Promise<void>;
  /** Whether what the events have asked for was read: false for what a write has answered. Default true. */
  readonly isAnswerToEvents?: boolean;
  /** Whether others may work on it afterwards. Default true. */
  readonly isLast?: boolean;
}

/**
 * The row becomes what the source is, with its record. A reading that shows the version that is known already is the echo of a change
 * from here, or an event that came twice.
 * @returns whether it was applied: not where the lease had been lost
 */
export async function applyReading(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  reading: Reading,
): Promise<boolean> {
  const { connection } = link;
  const { crmId, source, isAnswerToEvents = true, isLast = true } = reading;
  const isKnown = source !== undefined && source.version === client.version;
  const subjectIds = [subjectIdOf(connection.crm, crmId)];
  // Before the transaction, which must not wait for another connection.
  const copy = source && (await context.vault.seal(connection.tenant, subjectIds, SEALED.copy, source.data));
  if (!isKnown) await context.clientChanged(connection.tenant, connection.crm, crmId, "stale");
  return inTenant(context, link, async (db) => {
    const { rowCount } = await db.query(
      `UPDATE sync_clients c SET done = CASE WHEN $8 THEN $4 ELSE done END, version = $5, modified_at = $6, data = $7, is_gone = $5::text IS NULL,
         read_at = now(), reason = NULL, attempts = 0, next_attempt_at = now(),
         lease = CASE WHEN $9 THEN NULL ELSE lease END, leased_until = CASE WHEN $9 THEN NULL ELSE leased_until END
       WHERE connection_id = $1 AND subject = $2 AND lease = $3`,
      [
        connection.id,
        client.subject,
        client.lease,
        client.wanted,
        source?.version ?? null,
        source?.modifiedAt ?? null,
        copy ?? null,
        isAnswerToEvents,
        isLast,
      ],
    );
    if (rowCount !== 1) return false;
    if (isAnswerToEvents && client.last_seq !== null) {
      await db.query(
        "UPDATE sync_events SET status = 'done', problem = NULL WHERE connection_id = $1 AND subject = $2 AND status <> 'done' AND seq <= $3",
        [connection.id, client.subject, client.last_seq],
      );
    }
    await reading.inSameTransaction?.(db);
    await settleStatus(db, connection.id, client.subject);
    if (isAnswerToEvents) {
      const detail = { direction: "in", known: isKnown, gone: source === undefined };
      await context.audit.append(db, connection.tenant, actorOf(link), [clientRecord(link, crmId, detail)]);
    }
    return true;
  });
}

/** What the row says of itself, from what is still open. */
export async function settleStatus(client: PoolClient, connectionId: string, subject: string): Promise<void> {
  await client.query(
    `UPDATE sync_clients c SET status = CASE
       WHEN open.has_conflict THEN 'conflict' WHEN open.has_dead THEN 'failed' WHEN wanted > done THEN 'stale'
       WHEN open.has_changes THEN 'syncing' ELSE 'fresh' END
     FROM (SELECT coalesce(bool_or(status = 'conflict'), false) AS has_conflict, coalesce(bool_or(status = 'dead'), false) AS has_dead,
             count(*) > 0 AS has_changes
           FROM sync_outbox WHERE connection_id = $1 AND subject = $2 AND status IN ('pending', 'sending', 'conflict', 'dead')) AS open
     WHERE connection_id = $1 AND subject = $2`,
    [connectionId, subject],
  );
}

export interface Failure {
  readonly reason: string;
  /** Whether it is given up: a dead letter, until somebody has it tried again. */
  readonly isFinal: boolean;
  /** Whether it counts as an attempt. */
  readonly counts: boolean;
  readonly retryAfterMs?: number;
}

/** The lease is given back; the client is tried again later, whoever wanted it, or given up, with its events as dead letters. */
export async function failReading(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  { reason, isFinal, counts, retryAfterMs = backoffMs(client.attempts) }: Failure,
  crmId?: string,
): Promise<void> {
  const { connection } = link;
  await inTenant(context, link, async (db) => {
    const { rowCount } = await db.query(
      `UPDATE sync_clients SET lease = NULL, leased_until = NULL, attempts = attempts + $4,
         next_attempt_at = now() + make_interval(secs => $5), reason = $6,
         status = CASE WHEN status = 'conflict' THEN status WHEN $7 THEN 'failed' ELSE 'stale' END,
         done = CASE WHEN $7 THEN $8 ELSE done END, wanted = CASE WHEN $7 THEN wanted ELSE greatest(wanted, done + 1) END
       WHERE connection_id = $1 AND subject = $2 AND lease = $3`,
      [
        connection.id,
        client.subject,
        client.lease,
        counts ? 1 : 0,
        retryAfterMs / 1000,
        reason,
        isFinal,
        client.wanted,
      ],
    );
    if (rowCount !== 1 || !isFinal) return;
    await db.query(
      "UPDATE sync_events SET status = 'dead', problem = $4 WHERE connection_id = $1 AND subject = $2 AND status = 'pending' AND seq <= $3",
      [connection.id, client.subject, client.last_seq ?? 0, reason],
    );
    if (crmId === undefined) return;
    const record = clientRecord(link, crmId, { direction: "in", given_up: true }, "failure");
    await context.audit.append(db, connection.tenant, actorOf(link), [record]);
  });
  if (isFinal && crmId !== undefined)
    await context.clientChanged(connection.tenant, connection.crm, crmId, "failed", reason);
}

/** Nothing more to do with it now. */
export async function releaseLease(
  context: SyncContext,
  link: Link,
  { subject, lease }: LeasedClient,
): Promise<void> {
  await inTenant(context, link, async (client) => {
    const { rowCount } = await client.query(
      "UPDATE sync_clients SET lease = NULL, leased_until = NULL WHERE connection_id = $1 AND subject = $2 AND lease = $3",
      [link.connection.id, subject, lease],
    );
    if (rowCount === 1) await settleStatus(client, link.connection.id, subject);
  });
}

/** The subject has been erased: nothing is left to work on. */
export async function forgetClient(
  context: SyncContext,
  link: Link,
  { subject }: { readonly subject: string },
): Promise<void> {
  await inTenant(context, link, async (client) => {
    for (const table of ["sync_events", "sync_clients"])
      await client.query(`DELETE FROM ${table} WHERE connection_id = $1 AND subject = $2`, [
        link.connection.id,
        subject,
      ]);
    await client.query(
      `UPDATE sync_outbox SET status = 'dropped', sealed = NULL, theirs = NULL, ended_at = now(), problem = 'the subject was erased'
       WHERE connection_id = $1 AND subject = $2 AND kind = 'update' AND status <> 'done'`,
      [link.connection.id, subject],
    );
  });
}
