// Clients for who asks here: what is known and fresh, else what the CRM says within a budget, else the last copy, which is said to be stale.
// Tests: test/integration/sync-reads.test.ts, test/http/sync-overlay.test.ts
import type { PoolClient } from "pg";
import { SubjectErased } from "../subjects/subject-key-rows.js";
import { applyReading, claimClient, failReading, forgetClient, openedId } from "./client-leases.js";
import { type ClientData, isSourceError, type SourceClient, SourceUnavailable } from "./connector.js";
import { isErased, sealedId } from "./inbox.js";
import {
  ensureConnection,
  inTenant,
  type Link,
  SEALED,
  type SyncContext,
  type SyncStatus,
  subjectIdOf,
} from "./sync-context.js";

export interface ReadClient extends SourceClient {
  readonly syncStatus: SyncStatus;
  /** Why it is not fresh. */
  readonly reason?: string;
  /** Whether the CRM itself was asked. */
  readonly source: "source" | "store";
  /**
   * How the answer stands in a transaction of the tenant: "stale" where events have come since, or another reading shows another version. Later
   * events wait until that transaction has ended, so that whoever keeps the answer in it hears of them.
   */
  readonly standing: (client: PoolClient) => Promise<Pick<ClientState, "syncStatus" | "reason">>;
}

export interface ClientState {
  readonly syncStatus: SyncStatus;
  readonly reason?: string;
  readonly version?: string;
  readonly modifiedAt?: Date;
}

interface Row {
  readonly status: SyncStatus;
  readonly reason: string | null;
  readonly version: string | null;
  readonly modified_at: Date | null;
  readonly is_gone: boolean;
  readonly data: Buffer | null;
  readonly is_watched: boolean;
  /** Whether events ask for a reading. */
  readonly is_wanted: boolean;
}

/**
 * `undefined` where the CRM has no such client, or the person has been erased here.
 * @param signal ends the asking: its timeout is the budget
 * @throws SourceUnavailable where nothing is known here and the CRM does not say
 */
export async function readClient(
  context: SyncContext,
  link: Link,
  crmId: string,
  signal: AbortSignal,
): Promise<ReadClient | undefined> {
  const { connection } = link;
  const subject = await context.vault.pseudonym(connection.tenant, subjectIdOf(connection.crm, crmId));
  const row = await rowOf(context, link, subject);
  const copy =
    row?.data &&
    ((await context.vault.open(connection.tenant, SEALED.copy, row.data)) as ClientData | undefined);
  const status = row && effectiveStatus(row);
  const answer = (client: SourceClient, stands: ClientState, source: ReadClient["source"]): ReadClient => ({
    ...client,
    ...stands,
    version: client.version,
    source,
    standing: async (db) =>
      stateOf(await findRow(context, db, link, subject, "FOR SHARE OF c"), client.version),
  });
  if (row && status === "fresh" && (row.is_gone || copy))
    return row.is_gone ? undefined : answer(known(crmId, row, copy), { syncStatus: status }, "store");
  try {
    const found = await askSource(context, link, subject, crmId, signal);
    return found && answer(found, stateOf(await rowOf(context, link, subject), found.version), "source");
  } catch (error) {
    if (isErased(error)) return undefined;
    if (!isSourceError(error) && !signal.aborted) throw error;
    const reason = isSourceError(error) ? error.message : "the CRM did not answer in time";
    const syncStatus = status === "conflict" || status === "failed" ? status : "stale";
    if (row && copy && !row.is_gone)
      return answer(known(crmId, row, copy), { syncStatus, reason: row.reason ?? reason }, "store");
    throw new SourceUnavailable(reason);
  }
}

/** What is known of a client's synchronisation; `undefined` where it was never asked for. */
export async function clientState(
  context: SyncContext,
  link: Link,
  crmId: string,
): Promise<ClientState | undefined> {
  const subjectId = subjectIdOf(link.connection.crm, crmId);
  const row = await rowOf(context, link, await context.vault.pseudonym(link.connection.tenant, subjectId));
  return row && stateOf(row);
}

function known(crmId: string, row: Row, data: ClientData | null | undefined): SourceClient {
  return {
    crmId,
    data: data ?? {},
    version: row.version ?? "",
    modifiedAt: row.modified_at ?? new Date(0),
  };
}

/** A client is as fresh as the look at the source's stream: where nobody has looked for a while, nobody knows. */
function effectiveStatus({ status, is_watched }: Row): SyncStatus {
  return status === "fresh" && !is_watched ? "stale" : status;
}

const OVERTAKEN = "the CRM has told of changes while it was read";

/** @param read the version that an answer shows: it may be the older one where the row has another, or is to be read */
function stateOf(row: Row | undefined, read?: string): ClientState {
  const isOvertaken = read !== undefined && (!row || row.is_gone || row.version !== read || isToBeRead(row));
  if (!row || isOvertaken) return { syncStatus: "stale", reason: row?.reason ?? OVERTAKEN };
  const syncStatus = effectiveStatus(row);
  const reason =
    row.reason ?? (syncStatus === row.status ? null : "the CRM's changes have not been read for a while");
  return {
    syncStatus,
    ...(reason !== null && { reason }),
    ...(row.version !== null && { version: row.version }),
    ...(row.modified_at !== null && { modifiedAt: row.modified_at }),
  };
}

const isToBeRead = ({ is_wanted, status }: Row) => is_wanted && status !== "conflict" && status !== "failed";

function rowOf(context: SyncContext, link: Link, subject: string): Promise<Row | undefined> {
  return inTenant(context, link, (client) => findRow(context, client, link, subject));
}

async function findRow(
  { limits }: SyncContext,
  client: PoolClient,
  { connection }: Link,
  subject: string,
  lock = "",
): Promise<Row | undefined> {
  const { rows } = await client.query<Row>(
    `SELECT c.status, c.reason, c.version, c.modified_at, c.is_gone, c.data, c.wanted > c.done AS is_wanted,
       greatest(n.replayed_at, c.read_at) > now() - make_interval(secs => $3) AS is_watched
     FROM sync_clients c JOIN sync_connections n ON n.id = c.connection_id
     WHERE c.connection_id = $1 AND c.subject = $2 ${lock}`,
    [connection.id, subject, limits.staleAfterSeconds],
  );
  return rows[0];
}

/** The answer becomes the row, unless somebody else is at it: then theirs does, which is not older. */
async function askSource(
  context: SyncContext,
  link: Link,
  subject: string,
  crmId: string,
  signal: AbortSignal,
): Promise<SourceClient | undefined> {
  await ensureRow(context, link, subject, crmId);
  const leased = await claimClient(context, link, subject);
  if (!leased) return link.connector.fetchClient(crmId, signal);
  if ((await openedId(context, link, leased)) === undefined) return undefined;
  try {
    const source = await link.connector.fetchClient(crmId, signal);
    await applyReading(context, link, leased, { crmId, source });
    return source;
  } catch (error) {
    if (isErased(error)) await forgetClient(context, link, leased);
    else {
      // Whoever asked does not wait any longer; the worker goes on with it.
      const reason = isSourceError(error) ? error.message : "the CRM did not answer in time";
      await failReading(context, link, leased, { reason, isFinal: false, counts: false });
    }
    throw error;
  }
}

async function ensureRow(context: SyncContext, link: Link, subject: string, crmId: string): Promise<void> {
  const { connection } = link;
  const sealed = await sealedId(context.vault, connection.tenant, connection.crm, crmId);
  if (!sealed) throw new SubjectErased();
  await inTenant(context, link, async (client) => {
    await ensureConnection(client, link);
    await client.query(
      `INSERT INTO sync_clients (tenant_id, connection_id, subject, crm_id, status) VALUES (current_tenant_id(), $1, $2, $3, 'syncing')
       ON CONFLICT DO NOTHING`,
      [connection.id, subject, sealed],
    );
  });
}
