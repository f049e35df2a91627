// What comes in: events are durable, each once, and name the clients that have to be read, before anybody is told that they were taken.
// Tests: test/integration/sync-inbound.test.ts
import type { PoolClient } from "pg";
import type { SourceEvent } from "./connector.js";
import {
  actorOf,
  connectionRecord,
  ensureConnection,
  inTenant,
  type Link,
  SEALED,
  type SyncContext,
  subjectIdOf,
} from "./sync-context.js";

/** HubSpot waits five seconds for its answer. */
const TELLS_WITHIN_MS = 1000;
const TOLD_AT_ONCE = 4;

export interface Taking {
  /** "webhook", "replay", "full-read" */
  readonly via: string;
  /** More that is committed with the events, or not at all. */
  readonly inSameTransaction?: (client: PoolClient) => Promise<void>;
}

export interface Taken {
  /** New ones; the others had come before. */
  readonly stored: number;
}

interface KnownSubject {
  readonly subject: string;
  /** Sealed; absent where the client is known already. */
  readonly crmId?: Buffer;
}

/**
 * Resolves once the events are committed. Who is not known here and need not be, and who has been erased, is passed over.
 * @throws errors of the database: then none of them has been taken
 */
export async function takeEvents(
  context: SyncContext,
  link: Link,
  events: readonly SourceEvent[],
  { via, inSameTransaction }: Taking,
): Promise<Taken> {
  const { connection } = link;
  const subjects = await knownSubjects(context, link, events);
  const rows = events.flatMap((event): NewRow[] => {
    if (event.crmId === undefined) return [{ event, subject: null }];
    const known = subjects.get(event.crmId);
    return known ? [{ event, subject: known.subject }] : [];
  });
  const taken = await inTenant(context, link, async (client) => {
    await ensureConnection(client, link);
    const isCrowded =
      rows.length > 0 && (await waitingEvents(client, connection.id, context.limits.maxWaitingEvents));
    // Beyond the bound, one reading of all clients stands for what is not written down; erasures are not passed over.
    const kept = isCrowded ? rows.filter(({ event }) => event.kind === "erased") : rows;
    const isOverflow = kept.length < rows.length || kept.some(({ event }) => event.kind === "overflow");
    const fresh = await insertEvents(client, connection.id, kept);
    await wantClients(client, connection.id, fresh, subjects);
    if (isOverflow)
      await client.query("UPDATE sync_connections SET full_read_wanted = true WHERE id = $1", [
        connection.id,
      ]);
    await inSameTransaction?.(client);
    if (fresh.length > 0 || isOverflow) {
      const detail = {
        direction: "in",
        via,
        events: events.length,
        stored: fresh.length,
        overflow: isOverflow,
      };
      await context.audit.append(client, connection.tenant, actorOf(link), [connectionRecord(link, detail)]);
    }
    return fresh;
  });
  if (taken.length > 0) context.wake();
  await tellStale(context, link, subjects, new Set(taken.map(({ subject }) => subject)));
  return { stored: taken.length };
}

/**
 * Copies elsewhere are old: said before the sender is answered, as far as that goes in a second. It is said once more when a client has
 * been read, so that what fails here, or takes longer, is not lost.
 */
async function tellStale(
  context: SyncContext,
  { connection }: Link,
  subjects: ReadonlyMap<string, KnownSubject>,
  waiting: ReadonlySet<string | null>,
): Promise<void> {
  const untilMs = performance.now() + TELLS_WITHIN_MS;
  const left = [...subjects].flatMap(([crmId, { subject }]) => (waiting.has(subject) ? [crmId] : []));
  const next = async (): Promise<void> => {
    for (let crmId = left.pop(); crmId !== undefined && performance.now() < untilMs; crmId = left.pop())
      await context.clientChanged(connection.tenant, connection.crm, crmId, "stale").catch(() => undefined);
  };
  await Promise.all(Array.from({ length: TOLD_AT_ONCE }, next));
}

/** For each client's id its pseudonym; and for those that are new here the id, sealed. */
async function knownSubjects(
  { pool, vault }: SyncContext,
  link: Link,
  events: readonly SourceEvent[],
): Promise<Map<string, KnownSubject>> {
  const { connection } = link;
  const ids = [...new Set(events.flatMap(({ crmId }) => crmId ?? []))];
  const erased = new Set(events.flatMap(({ kind, crmId }) => (kind === "erased" && crmId ? [crmId] : [])));
  const pseudonyms = new Map<string, string>();
  for (const crmId of ids)
    pseudonyms.set(crmId, await vault.pseudonym(connection.tenant, subjectIdOf(connection.crm, crmId)));
  const present = await inTenant({ pool }, link, async (client) => {
    const sql = "SELECT subject FROM sync_clients WHERE connection_id = $1 AND subject = ANY($2)";
    const { rows } = await client.query<{ subject: string }>(sql, [connection.id, [...pseudonyms.values()]]);
    return new Set(rows.map(({ subject }) => subject));
  });
  const known = new Map<string, KnownSubject>();
  const added = [...pseudonyms].map(async ([crmId, subject]) => {
    if (present.has(subject)) known.set(crmId, { subject });
    else if (connection.clients === "all" || erased.has(crmId)) {
      const sealed = await sealedId(vault, connection.tenant, connection.crm, crmId);
      if (sealed) known.set(crmId, { subject, crmId: sealed });
    }
  });
  await Promise.all(added);
  return known;
}

/** `undefined` where the subject has been erased: an event does not bring it back. */
export async function sealedId(
  vault: SyncContext["vault"],
  tenantId: string,
  crmSystem: string,
  crmId: string,
): Promise<Buffer | undefined> {
  try {
    return await vault.seal(tenantId, [subjectIdOf(crmSystem, crmId)], SEALED.crmId, crmId);
  } catch (error) {
    if (isErased(error)) return undefined;
    throw error;
  }
}

export const isErased = (error: unknown): boolean =>
  typeof error === "object" && error !== null && Reflect.get(error, "name") === "SubjectErased";

async function waitingEvents(client: PoolClient, connectionId: string, max: number): Promise<boolean> {
  const { rows } = await client.query<{ count: number }>(
    "SELECT count(*)::integer AS count FROM (SELECT 1 FROM sync_events WHERE connection_id = $1 AND status = 'pending' LIMIT $2) AS waiting",
    [connectionId, max],
  );
  return (rows[0]?.count ?? 0) >= max;
}

interface NewRow {
  readonly event: SourceEvent;
  readonly subject: string | null;
}

interface NewEvent {
  readonly subject: string | null;
  readonly kind: string;
}

async function insertEvents(
  client: PoolClient,
  connectionId: string,
  rows: readonly NewRow[],
): Promise<NewEvent[]> {
  if (rows.length === 0) return [];
  const inserted = await client.query<NewEvent>(
    `INSERT INTO sync_events (tenant_id, connection_id, event_key, subject, kind, occurred_at, status)
     SELECT current_tenant_id(), $1, key, subject, kind, occurred_at, CASE WHEN subject IS NULL THEN 'done' ELSE 'pending' END
     FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS given (key, subject, kind, occurred_at)
     ON CONFLICT DO NOTHING RETURNING subject, kind`,
    [
      connectionId,
      rows.map(({ event }) => event.key),
      rows.map(({ subject }) => subject),
      rows.map(({ event }) => event.kind),
      rows.map(({ event }) => event.occurredAt ?? null),
    ],
  );
  return inserted.rows;
}

/** In the order of their names, so that two deliveries cannot wait for each other. */
async function wantClients(
  client: PoolClient,
  connectionId: string,
  events: readonly NewEvent[],
  subjects: ReadonlyMap<string, KnownSubject>,
): Promise<void> {
  const sealed = new Map([...subjects.values()].map(({ subject, crmId }) => [subject, crmId]));
  const erased = new Set(
    events.flatMap(({ subject, kind }) => (kind === "erased" && subject ? [subject] : [])),
  );
  const wanted = [...new Set(events.flatMap(({ subject }) => subject ?? []))].toSorted();
  if (wanted.length === 0) return;
  const values = [connectionId, wanted, wanted.map((subject) => erased.has(subject))];
  await client.query(
    "SELECT FROM sync_clients WHERE connection_id = $1 AND subject = ANY($2) ORDER BY subject FOR UPDATE",
    values.slice(0, 2),
  );
  await client.query(
    `UPDATE sync_clients c SET wanted = wanted + 1, status = CASE status WHEN 'conflict' THEN status ELSE 'stale' END,
       is_erasure_wanted = is_erasure_wanted OR is_erased, attempts = 0, next_attempt_at = now()
     FROM unnest($2::text[], $3::boolean[]) AS given (subject, is_erased)
     WHERE c.connection_id = $1 AND c.subject = given.subject`,
    values,
  );
  const added = wanted.filter((subject) => sealed.get(subject) !== undefined);
  await client.query(
    `INSERT INTO sync_clients (tenant_id, connection_id, subject, crm_id, status, wanted, is_erasure_wanted)
     SELECT current_tenant_id(), $1, subject, crm_id, 'stale', 1, is_erased
     FROM unnest($2::text[], $3::boolean[], $4::bytea[]) AS given (subject, is_erased, crm_id)
     ON CONFLICT (tenant_id, connection_id, subject) DO UPDATE SET wanted = sync_clients.wanted + 1,
       is_erasure_wanted = sync_clients.is_erasure_wanted OR excluded.is_erasure_wanted`,
    [
      connectionId,
      added,
      added.map((subject) => erased.has(subject)),
      added.map((subject) => sealed.get(subject)),
    ],
  );
}
