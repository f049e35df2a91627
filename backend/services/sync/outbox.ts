// What goes out: a change here is a row in the transaction of the change, sealed; what is stuck is seen, tried again, or settled by somebody.
// Tests: test/integration/sync-outbound.test.ts
import type { PoolClient } from "pg";
import type { Actor } from "../audit/audit-event.js";
import { settleStatus } from "./client-leases.js";
import type { ClientData } from "./connector.js";
import { sealedId } from "./inbox.js";
import {
  clientRecord,
  connectionRecord,
  ensureConnection,
  inTenant,
  type Link,
  SEALED,
  type SyncContext,
  subjectIdOf,
} from "./sync-context.js";
import { connectionSubject } from "./token-keeper.js";

/** What a row holds, sealed. */
export interface SealedChange {
  readonly crmId: string;
  readonly change: ClientData;
  /** What the fields were here when they were changed. Absent where nobody here had seen them. */
  readonly base?: ClientData;
}

/** A change that is ready to be committed with what it belongs to. */
export interface PreparedChange {
  readonly link: Link;
  readonly crmId: string;
  readonly subject: string;
  readonly sealedId: Buffer;
  readonly sealed: Buffer;
}

/** Too much waits for the CRM already. */
export class SyncBacklogFull extends Error {
  override readonly name = "SyncBacklogFull";
}

/** The change cannot go there: it names fields that the connection does not have, or is about somebody who was erased. */
export class ChangeRefused extends Error {
  override readonly name = "ChangeRefused";
}

/**
 * Seals a change, outside of the transaction that it will be part of.
 * @throws ChangeRefused
 */
export async function prepareChange(
  context: SyncContext,
  link: Link,
  crmId: string,
  change: ClientData,
): Promise<PreparedChange> {
  const { connection } = link;
  const fields = Object.keys(change);
  const unknown = fields.find((field) => !connection.fields.includes(field));
  if (unknown !== undefined) throw new ChangeRefused(`${unknown} is no field of this connection`);
  if (fields.length === 0) throw new ChangeRefused("the change has no fields");
  const subjectId = subjectIdOf(connection.crm, crmId);
  const subject = await context.vault.pseudonym(connection.tenant, subjectId);
  const id = await sealedId(context.vault, connection.tenant, connection.crm, crmId);
  if (!id) throw new ChangeRefused("the client was erased");
  const known = await lastKnown(context, link, subject);
  const base = known && Object.fromEntries(fields.map((field) => [field, known[field] ?? null]));
  const content: SealedChange = { crmId, change, ...(base && { base }) };
  const sealed = await context.vault.seal(connection.tenant, [subjectId], SEALED.change, content);
  return { link, crmId, subject, sealedId: id, sealed };
}

/** The copy of the source, with the changes on top of it that are on their way there. */
async function lastKnown(context: SyncContext, link: Link, subject: string): Promise<ClientData | undefined> {
  const { tenant, id } = link.connection;
  const [copy, changes] = await inTenant(context, link, async (client) => {
    const sql = "SELECT data FROM sync_clients WHERE connection_id = $1 AND subject = $2";
    const { rows } = await client.query<{ data: Buffer | null }>(sql, [id, subject]);
    const open = await client.query<{ sealed: Buffer | null }>(
      "SELECT sealed FROM sync_outbox WHERE connection_id = $1 AND subject = $2 AND status IN ('pending', 'sending') ORDER BY seq",
      [id, subject],
    );
    return [rows[0]?.data ?? null, open.rows] as const;
  });
  if (copy === null) return undefined;
  let known = (await context.vault.open(tenant, SEALED.copy, copy)) as ClientData | undefined;
  for (const { sealed } of changes) {
    const opened =
      sealed && ((await context.vault.open(tenant, SEALED.change, sealed)) as SealedChange | undefined);
    if (known && opened) known = { ...known, ...opened.change };
  }
  return known;
}

/**
 * In the caller's transaction, which acts for the tenant: the change here and the change there are both committed, or neither is.
 * @returns the id of the row
 * @throws SyncBacklogFull
 */
export async function enqueueChange(
  context: SyncContext,
  client: PoolClient,
  actor: Actor,
  { link, crmId, subject, sealedId: id, sealed }: PreparedChange,
): Promise<string> {
  const { connection } = link;
  await ensureConnection(client, link);
  await requireRoom(client, connection.id, context.limits.maxWaitingChanges);
  await client.query(
    `INSERT INTO sync_clients (tenant_id, connection_id, subject, crm_id, status) VALUES (current_tenant_id(), $1, $2, $3, 'syncing')
     ON CONFLICT (tenant_id, connection_id, subject) DO UPDATE
       SET status = CASE WHEN sync_clients.status IN ('conflict', 'failed') THEN sync_clients.status ELSE 'syncing' END`,
    [connection.id, subject, id],
  );
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO sync_outbox (tenant_id, connection_id, subject, kind, sealed, actor_id, actor_role)
     VALUES (current_tenant_id(), $1, $2, 'update', $3, $4, $5) RETURNING id`,
    [connection.id, subject, sealed, actor.id, actor.role],
  );
  const record = clientRecord(link, crmId, { direction: "out", step: "queued" });
  await context.audit.append(client, connection.tenant, actor, [record]);
  const [row] = rows;
  if (!row) throw new Error("an INSERT that returns nothing");
  return row.id;
}

async function requireRoom(client: PoolClient, connectionId: string, max: number): Promise<void> {
  const { rows } = await client.query<{ count: number }>(
    "SELECT count(*)::integer AS count FROM (SELECT 1 FROM sync_outbox WHERE connection_id = $1 AND status IN ('pending', 'sending', 'conflict', 'dead') LIMIT $2) AS open",
    [connectionId, max],
  );
  if ((rows[0]?.count ?? 0) >= max)
    throw new SyncBacklogFull(`${max} changes wait for the CRM: it takes no more`);
}

/** The CRM is to erase a client. The row's key is the connection's: the subject's is destroyed. */
export async function enqueueErasure(
  context: SyncContext,
  link: Link,
  crmId: string,
  actor: Actor,
): Promise<void> {
  const { connection } = link;
  const subject = await context.vault.pseudonym(connection.tenant, subjectIdOf(connection.crm, crmId));
  const sealed = await context.vault.seal(
    connection.tenant,
    [connectionSubject(connection.id)],
    SEALED.change,
    { crmId },
  );
  await inTenant(context, link, async (client) => {
    // The connection's row comes first: nothing may ever have been synchronised over it.
    await ensureConnection(client, link);
    const { rowCount } = await client.query(
      `INSERT INTO sync_outbox (tenant_id, connection_id, subject, kind, sealed, actor_id, actor_role)
       SELECT current_tenant_id(), $1, $2, 'erase', $3, $4, $5
       WHERE NOT EXISTS (SELECT FROM sync_outbox WHERE connection_id = $1 AND subject = $2 AND kind = 'erase' AND status <> 'done')`,
      [connection.id, subject, sealed, actor.id, actor.role],
    );
    if (rowCount === 0) return;
    const record = connectionRecord(link, { direction: "out", step: "erasure queued" });
    await context.audit.append(client, connection.tenant, actor, [record]);
  });
  context.wake();
}

/** Settles a conflict. `undefined` where there is no such conflict; `false` where ours cannot be taken, as the client is gone there. */
export async function resolveConflict(
  context: SyncContext,
  link: Link,
  outboxId: string,
  take: "theirs" | "ours",
  actor: Actor,
): Promise<boolean | undefined> {
  const { tenant, id } = link.connection;
  const row = await inTenant(context, link, async (client) => {
    const { rows } = await client.query<{ subject: string; sealed: Buffer | null; theirs: Buffer | null }>(
      "SELECT subject, sealed, theirs FROM sync_outbox WHERE connection_id = $1 AND id = $2 AND status = 'conflict'",
      [id, outboxId],
    );
    return rows[0];
  });
  if (!row) return undefined;
  const ours =
    row.sealed && ((await context.vault.open(tenant, SEALED.change, row.sealed)) as SealedChange | undefined);
  const theirs =
    row.theirs && ((await context.vault.open(tenant, SEALED.theirs, row.theirs)) as Theirs | undefined);
  if (!ours || !theirs) return undefined;
  if (take === "ours" && theirs.data === null) return false;
  // Ours now comes on top of theirs, which somebody has seen: only what changes after that is another conflict.
  const base =
    theirs.data &&
    Object.fromEntries(Object.keys(ours.change).map((field) => [field, theirs.data?.[field] ?? null]));
  const content: SealedChange = { crmId: ours.crmId, change: ours.change, ...(base && { base }) };
  const subjectIds = [subjectIdOf(link.connection.crm, ours.crmId)];
  const sealed =
    take === "ours" ? await context.vault.seal(tenant, subjectIds, SEALED.change, content) : null;
  const isDone = await inTenant(context, link, async (client) => {
    const { rowCount } = await client.query(
      `UPDATE sync_outbox SET status = $3, sealed = $4, theirs = NULL, sent_version = NULL, problem = NULL, attempts = 0, next_attempt_at = now(),
         ended_at = CASE WHEN $3 = 'dropped' THEN now() END
       WHERE connection_id = $1 AND id = $2 AND status = 'conflict'`,
      [id, outboxId, take === "ours" ? "pending" : "dropped", sealed],
    );
    if (rowCount !== 1) return false;
    await client.query(
      "UPDATE sync_clients SET wanted = wanted + 1, reason = NULL, attempts = 0, next_attempt_at = now() WHERE connection_id = $1 AND subject = $2",
      [id, row.subject],
    );
    await settleStatus(client, id, row.subject);
    const record = clientRecord(link, ours.crmId, { step: "conflict resolved", take });
    await context.audit.append(client, tenant, actor, [record]);
    return true;
  });
  if (!isDone) return undefined;
  context.wake();
  await context.clientChanged(tenant, link.connection.crm, ours.crmId, "stale");
  return true;
}

/** What the source had when a change met another; `data` is null where the client had been deleted there. */
export interface Theirs {
  readonly data: ClientData | null;
  readonly version: string | null;
}
