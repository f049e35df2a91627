// Erasure of persons in the CRMs: told durably, done by the CRM's own way of it, tried until it is done.
// Tests: test/integration/sync-erasure.test.ts
import { isSourceError, SourceRefused, SourceThrottled } from "./connector.js";
import type { SealedChange } from "./outbox.js";
import {
  actorOf,
  backoffMs,
  connectionRecord,
  inTenant,
  type Link,
  SEALED,
  type SyncContext,
} from "./sync-context.js";

interface ErasureRow {
  readonly id: string;
  readonly sealed: Buffer | null;
  readonly attempts: number;
}

const MAX_AT_ONCE = 20;
/** Another process takes over what this one has begun. */
const LEASE_SECONDS = 60;

/** Why a subject is erased that its CRM has erased first. */
export const erasedBySource = (crmSystem: string) => `erased in ${crmSystem}`;

/** @returns how many were tried */
export async function sendErasures(context: SyncContext, link: Link, signal: AbortSignal): Promise<number> {
  const rows = await claim(context, link);
  for (const row of rows) {
    const opened =
      row.sealed &&
      ((await context.vault.open(link.connection.tenant, SEALED.change, row.sealed)) as
        | SealedChange
        | undefined);
    try {
      if (opened) await link.connector.eraseClient(opened.crmId, signal);
      await ended(context, link, row);
    } catch (error) {
      if (!isSourceError(error)) throw error;
      await failed(context, link, row, error);
    }
  }
  return rows.length;
}

function claim(context: SyncContext, link: Link): Promise<ErasureRow[]> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<ErasureRow>(
      `UPDATE sync_outbox SET status = 'sending', next_attempt_at = now() + make_interval(secs => $3) WHERE id IN (
         SELECT id FROM sync_outbox WHERE connection_id = $1 AND kind = 'erase' AND status IN ('pending', 'sending') AND next_attempt_at <= now()
         ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING id, sealed, attempts`,
      [link.connection.id, MAX_AT_ONCE, LEASE_SECONDS],
    );
    return rows;
  });
}

function ended(context: SyncContext, link: Link, { id }: ErasureRow): Promise<void> {
  return inTenant(context, link, async (client) => {
    const sql =
      "UPDATE sync_outbox SET status = 'done', sealed = NULL, problem = NULL, ended_at = now() WHERE id = $1 AND status <> 'done'";
    const { rowCount } = await client.query(sql, [id]);
    if (rowCount !== 1) return;
    const record = connectionRecord(link, { direction: "out", step: "erased", change: id });
    await context.audit.append(client, link.connection.tenant, actorOf(link), [record]);
  });
}

/** An erasure is never given up by itself; one that the CRM refuses is shown as a dead letter. */
function failed(context: SyncContext, link: Link, { id, attempts }: ErasureRow, error: Error): Promise<void> {
  const waitMs = error instanceof SourceThrottled ? error.retryAfterMs : backoffMs(attempts);
  return inTenant(context, link, async (client) => {
    await client.query(
      `UPDATE sync_outbox SET status = $2, attempts = attempts + 1, problem = $3, next_attempt_at = now() + make_interval(secs => $4) WHERE id = $1`,
      [id, error instanceof SourceRefused ? "dead" : "pending", error.message, waitMs / 1000],
    );
  });
}
