// One round of work on a connection: erasures out, changes out, and the clients that events have named, read in batches.
// Tests: test/integration/sync-inbound.test.ts, test/integration/sync-properties.test.ts, test/faults/sync-kills.test.ts
import {
  applyReading,
  claimClients,
  failReading,
  forgetClient,
  type LeasedClient,
  openedId,
  releaseLease,
  renewLeases,
} from "./client-leases.js";
import {
  type BatchRead,
  isSourceError,
  MAX_BATCH,
  NeedsReconnect,
  SourceRefused,
  SourceThrottled,
} from "./connector.js";
import { isErased } from "./inbox.js";
import { sendChanges } from "./outbound.js";
import { erasedBySource, sendErasures } from "./source-erasures.js";
import { actorOf, type Link, type SyncContext, subjectIdOf } from "./sync-context.js";

interface Opened {
  readonly client: LeasedClient;
  readonly crmId: string;
}

/** @returns how many clients and erasures were worked on; rejects where the database is away */
export async function workRound(
  context: SyncContext,
  link: Link,
  signal: AbortSignal,
  limit = MAX_BATCH,
): Promise<number> {
  const erasures = await sendErasures(context, link, signal);
  const claimed = await claimClients(context, link, limit);
  const toRead: Opened[] = [];
  for (const client of claimed) {
    const crmId = await openedId(context, link, client);
    if (crmId === undefined) await forgetClient(context, link, client);
    else if (client.is_erasure_wanted) await eraseHere(context, link, { client, crmId });
    else if (await sentChanges(context, link, client, signal)) {
      if (client.wanted > client.done) toRead.push({ client, crmId });
      else await releaseLease(context, link, client);
    }
  }
  // Sending may have taken longer than a lease lasts.
  const held = toRead.length > 0 ? await renewLeases(context, link, toRead) : [];
  if (held.length > 0) await readBatch(context, link, held, signal);
  return erasures + claimed.length;
}

async function sentChanges(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  signal: AbortSignal,
): Promise<boolean> {
  if (!client.has_changes) return true;
  try {
    return await sendChanges(context, link, client, signal);
  } catch (error) {
    // Erased meanwhile: the next round finds nothing of it.
    if (isErased(error)) return true;
    throw error;
  }
}

/** Each by itself: what fails for one does not keep the others from being what the source is. */
async function readBatch(
  context: SyncContext,
  link: Link,
  opened: readonly Opened[],
  signal: AbortSignal,
): Promise<void> {
  let read: BatchRead;
  try {
    read = await link.connector.fetchClients(
      opened.map(({ crmId }) => crmId),
      signal,
    );
  } catch (error) {
    for (const { client, crmId } of opened)
      await failed(context, link, client, crmId, error, opened.length > 1);
    return;
  }
  for (const { client, crmId } of opened) {
    const source = read.get(crmId);
    if (source instanceof Error) {
      await failed(context, link, client, crmId, source, false);
      continue;
    }
    try {
      await applyReading(context, link, client, { crmId, source });
    } catch (error) {
      if (!isErased(error)) throw error;
      await forgetClient(context, link, client);
    }
  }
}

/** @param isOfAll whether the whole batch failed, which says nothing of this one */
async function failed(
  context: SyncContext,
  link: Link,
  client: LeasedClient,
  crmId: string,
  error: unknown,
  isOfAll: boolean,
): Promise<void> {
  if (error instanceof SourceThrottled) {
    const { message: reason, retryAfterMs } = error;
    return failReading(context, link, client, { reason, isFinal: false, counts: false, retryAfterMs });
  }
  // This process stops: another one goes on.
  if (!isSourceError(error)) return releaseLease(context, link, client);
  const counts = !isOfAll && !(error instanceof NeedsReconnect) && !link.connector.isAway;
  const isFinal =
    counts && (error instanceof SourceRefused || client.attempts + 1 >= context.limits.maxAttempts);
  return failReading(context, link, client, { reason: error.message, isFinal, counts }, crmId);
}

/** The source has erased the person, and so does this side: keys, copies, queues. It is not told again. */
async function eraseHere(context: SyncContext, link: Link, { client, crmId }: Opened): Promise<void> {
  const { connection } = link;
  const reason = erasedBySource(connection.crm);
  await context.vault.erase(connection.tenant, subjectIdOf(connection.crm, crmId), reason, actorOf(link));
  await forgetClient(context, link, client);
}
