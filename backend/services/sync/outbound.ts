// Sends the changes of one client, in their order, each until it is there, meets another change, or is given up.
// Tests: test/integration/sync-outbound.test.ts, test/faults/sync-kills.test.ts
import type { PoolClient } from "pg";
import { applyReading, type LeasedClient, renewLease, settleStatus } from "./client-leases.js";
import {
  type ClientData,
  isSourceError,
  type SourceClient,
  SourceConflict,
  SourceRefused,
  SourceThrottled,
  SourceUnavailable,
} from "./connector.js";
import type { SealedChange, Theirs } from "./outbox.js";
import {
  backoffMs,
  clientRecord,
  inTenant,
  type Link,
  SEALED,
  type SyncContext,
  subjectIdOf,
} from "./sync-context.js";

interface OutboxRow {
  readonly id: string;
  readonly sealed: Buffer | null;
  readonly sent_version: string | null;
  readonly status: "pending" | "sending" | "conflict" | "dead";
  readonly attempts: number;
  readonly is_due: boolean;
  readonly actor_id: string;
  readonly actor_role: string;
}

/** How often a change that others' changes only pass by is sent again at once. */
const MAX_REBASES = 3;
/** Changes of a client that are sent under one lease. */
const MAX_AT_ONCE = 20;

/** @returns whether the client may be read now, too: its lease is still held */
export async function sendChanges(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  signal: AbortSignal,
): Promise<boolean> {
  for (let sent = 0; sent < MAX_AT_ONCE; sent += 1) {
    const row = await nextRow(context, link, client);
    if (!row || row.status === "conflict" || row.status === "dead" || !row.is_due) return true;
    const opened =
      row.sealed &&
      ((await context.vault.open(link.connection.tenant, SEALED.change, row.sealed)) as
        | SealedChange
        | undefined);
    if (!opened) {
      await endRow(context, link, row, "dropped", "the subject was erased");
      continue;
    }
    try {
      if (!(await sendOne(context, link, client, row, opened, signal))) return false;
    } catch (error) {
      await failedRow(context, link, client, row, opened, error);
      return true;
    }
  }
  return true;
}

/** @returns whether the lease is still held */
async function sendOne(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  row: OutboxRow,
  { crmId, change, base }: SealedChange,
  signal: AbortSignal,
): Promise<boolean> {
  const { connector } = link;
  let current = await connector.fetchClient(crmId, signal);
  // Whether an earlier attempt may have arrived, although nobody heard of it.
  let isInDoubt = row.status === "sending";
  for (let attempt = 0; attempt <= MAX_REBASES; attempt += 1) {
    if (current === undefined) return conflictOf(context, link, client, row, crmId, undefined);
    if (hasArrived(current, change, row.id, connector.writeKeyField))
      return arrived(context, link, client, row, crmId, current);
    const isSure = connector.writeKeyField !== undefined || row.sent_version === current.version;
    if (isInDoubt && !isSure) return conflictOf(context, link, client, row, crmId, current);
    if (base && !Object.keys(change).every((field) => isSame(current?.data[field], base[field])))
      return conflictOf(context, link, client, row, crmId, current);
    if (!(await markSent(context, link, client, row, current.version))) return false;
    try {
      const after = await connector.writeClient(crmId, change, current.version, row.id, signal);
      return await arrived(context, link, client, row, crmId, after);
    } catch (error) {
      if (!(error instanceof SourceConflict)) throw error;
      // It has told for certain what is there now.
      current = error.theirs;
      isInDoubt = false;
    }
  }
  throw new SourceUnavailable("others change the client all the time");
}

/** By the key where the CRM holds one; else by the values. */
function hasArrived(
  current: SourceClient,
  change: ClientData,
  key: string,
  keyField: string | undefined,
): boolean {
  if (keyField !== undefined && current.data[keyField] === key) return true;
  return Object.entries(change).every(([field, value]) => isSame(current.data[field], value));
}

/** As CRMs compare: nothing is nothing, however it is written, and HubSpot's numbers are texts. */
function isSame(one: unknown, other: unknown): boolean {
  const text = (value: unknown) =>
    value === null || value === undefined
      ? ""
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
  return text(one) === text(other);
}

function nextRow(
  context: SyncContext,
  link: Link,
  { subject }: LeasedClient,
): Promise<OutboxRow | undefined> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<OutboxRow>(
      `SELECT id, sealed, sent_version, status, attempts, next_attempt_at <= now() AS is_due, actor_id, actor_role FROM sync_outbox
       WHERE connection_id = $1 AND subject = $2 AND kind = 'update' AND status IN ('pending', 'sending', 'conflict', 'dead')
       ORDER BY seq LIMIT 1`,
      [link.connection.id, subject],
    );
    return rows[0];
  });
}

/** Written down before it is sent: who comes after a process that died knows that it may have arrived. */
function markSent(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  { id }: OutboxRow,
  version: string,
): Promise<boolean> {
  return inTenant(context, link, async (db) => {
    if (!(await renewLease(db, link, client))) return false;
    const { rowCount } = await db.query(
      "UPDATE sync_outbox SET status = 'sending', sent_version = $2 WHERE id = $1 AND status IN ('pending', 'sending')",
      [id, version],
    );
    return rowCount === 1;
  });
}

async function arrived(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  row: OutboxRow,
  crmId: string,
  source: SourceClient,
): Promise<boolean> {
  const inSameTransaction = async (db: PoolClient) => {
    await db.query(
      "UPDATE sync_outbox SET status = 'done', sealed = NULL, theirs = NULL, problem = NULL, ended_at = now() WHERE id = $1",
      [row.id],
    );
    const actor = { id: row.actor_id, role: row.actor_role };
    const record = clientRecord(link, crmId, { direction: "out", step: "written", change: row.id });
    await context.audit.append(db, link.connection.tenant, actor, [record]);
  };
  return applyReading(context, link, client, {
    crmId,
    source,
    inSameTransaction,
    isAnswerToEvents: false,
    isLast: false,
  });
}

/** Both versions are kept, sealed, until somebody decides. */
async function conflictOf(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  row: OutboxRow,
  crmId: string,
  source: SourceClient | undefined,
): Promise<boolean> {
  const { connection } = link;
  const content: Theirs = { data: source?.data ?? null, version: source?.version ?? null };
  const theirs = await context.vault.seal(
    connection.tenant,
    [subjectIdOf(connection.crm, crmId)],
    SEALED.theirs,
    content,
  );
  const problem = source ? "changed here and there" : "changed here, deleted there";
  const isKept = await applyReading(context, link, client, {
    crmId,
    source,
    isAnswerToEvents: false,
    isLast: false,
    inSameTransaction: async (db) => {
      await db.query("UPDATE sync_outbox SET status = 'conflict', theirs = $2, problem = $3 WHERE id = $1", [
        row.id,
        theirs,
        problem,
      ]);
      await db.query("UPDATE sync_clients SET reason = $3 WHERE connection_id = $1 AND subject = $2", [
        connection.id,
        client.subject,
        problem,
      ]);
      const actor = { id: row.actor_id, role: row.actor_role };
      const record = clientRecord(
        link,
        crmId,
        { direction: "out", step: "conflict", change: row.id },
        "failure",
      );
      await context.audit.append(db, connection.tenant, actor, [record]);
    },
  });
  if (isKept) await context.clientChanged(connection.tenant, connection.crm, crmId, "conflict", problem);
  return isKept;
}

async function failedRow(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  row: OutboxRow,
  { crmId }: SealedChange,
  error: unknown,
): Promise<void> {
  const { connection, connector } = link;
  if (!isSourceError(error)) throw error;
  const { message } = error;
  // A CRM that is away for everybody is no fault of this change.
  const counts = error instanceof SourceRefused || (error instanceof SourceUnavailable && !connector.isAway);
  const attempts = row.attempts + (counts ? 1 : 0);
  const isDead = error instanceof SourceRefused || attempts >= context.limits.maxAttempts;
  const waitMs = error instanceof SourceThrottled ? error.retryAfterMs : backoffMs(row.attempts);
  await inTenant(context, link, async (db) => {
    await db.query(
      `UPDATE sync_outbox SET status = CASE WHEN $2 THEN 'dead' ELSE status END, attempts = $3, problem = $4,
         next_attempt_at = now() + make_interval(secs => $5) WHERE id = $1 AND status IN ('pending', 'sending')`,
      [row.id, isDead, attempts, message, waitMs / 1000],
    );
    await db.query("UPDATE sync_clients SET reason = $3 WHERE connection_id = $1 AND subject = $2", [
      connection.id,
      client.subject,
      message,
    ]);
    await settleStatus(db, connection.id, client.subject);
    if (!isDead) return;
    const actor = { id: row.actor_id, role: row.actor_role };
    const record = clientRecord(
      link,
      crmId,
      { direction: "out", step: "given up", change: row.id },
      "failure",
    );
    await context.audit.append(db, connection.tenant, actor, [record]);
  });
}

function endRow(
  context: SyncContext,
  link: Link,
  { id }: OutboxRow,
  status: string,
  problem: string,
): Promise<void> {
  return inTenant(context, link, async (client) => {
    await client.query(
      "UPDATE sync_outbox SET status = $2, problem = $3, sealed = NULL, theirs = NULL, ended_at = now() WHERE id = $1",
      [id, status, problem],
    );
  });
}
