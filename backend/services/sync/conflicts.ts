// A conflict as whoever settles it sees it: what was changed here, from what, and what the CRM has. Each look is on record.
// Tests: test/http/sync-routes.test.ts
import type { Actor } from "../audit/audit-event.js";
import type { ClientData } from "./connector.js";
import type { SealedChange, Theirs } from "./outbox.js";
import { clientRecord, inTenant, type Link, SEALED, type SyncContext } from "./sync-context.js";

export interface ShownConflict {
  readonly id: string;
  readonly crm_system: string;
  readonly crm_id: string;
  readonly problem: string | null;
  /** The fields that were changed here. */
  readonly ours: ClientData;
  /** What they were here before; `null` where nobody here had seen them. */
  readonly base: ClientData | null;
  /** All of the client in the CRM; `null` where it has been deleted there. */
  readonly theirs: ClientData | null;
}

/** `undefined` where there is no such conflict, or its subject has been erased. Resolves once the look is on record. */
export async function showConflict(
  context: SyncContext,
  link: Link,
  id: string,
  actor: Actor,
): Promise<ShownConflict | undefined> {
  const { tenant, crm, id: connectionId } = link.connection;
  const row = await inTenant(context, link, async (client) => {
    const { rows } = await client.query<{
      sealed: Buffer | null;
      theirs: Buffer | null;
      problem: string | null;
    }>(
      "SELECT sealed, theirs, problem FROM sync_outbox WHERE connection_id = $1 AND id = $2 AND status = 'conflict'",
      [connectionId, id],
    );
    return rows[0];
  });
  if (!row?.sealed || !row.theirs) return undefined;
  const ours = (await context.vault.open(tenant, SEALED.change, row.sealed)) as SealedChange | undefined;
  const theirs = (await context.vault.open(tenant, SEALED.theirs, row.theirs)) as Theirs | undefined;
  if (!ours || !theirs) return undefined;
  const record = clientRecord(link, ours.crmId, { step: "conflict shown", change: id });
  await context.audit.record(tenant, actor, [{ ...record, action: "read", source: "store" }]);
  return {
    id,
    crm_system: crm,
    crm_id: ours.crmId,
    problem: row.problem,
    ours: ours.change,
    base: ours.base ?? null,
    theirs: theirs.data,
  };
}
