// What auditors do with the trail is on record, too: that they have seen it, and that they have acknowledged losses.
// Tests: test/http/audit-routes.test.ts, test/http/audit-pages.test.ts
import type { Pool } from "pg";
import { withTenant } from "../../../db/tenant-transaction.js";
import type { Actor, AuditAction } from "../audit-event.js";
import type { AuditTrail } from "../audit-trail.js";
import { acknowledgeLosses } from "../policy/gone-buffers.js";
import type { AuditWatch } from "../status/audit-watch.js";

export interface Seen {
  readonly action: AuditAction;
  readonly what: string;
  /** What was asked for, where it was one entity. */
  readonly id?: string | undefined;
}

/**
 * Before what is shown leaves.
 * @throws AuditUnavailable (503)
 */
export async function recordSeen(
  trail: Pick<AuditTrail, "record">,
  tenantId: string,
  actor: Actor,
  { action, what, id }: Seen,
): Promise<void> {
  await trail.record(tenantId, actor, [
    {
      action,
      entityType: "audit_trail",
      entityId: id ?? what,
      // Whatever it is the id of: a person's is stored as a pseudonym.
      ...(id !== undefined && { subjectId: id }),
      // Whose data it is about: as strictly as the reads that it shows.
      dataClass: "personal",
      purpose: "HOPERAT",
      detail: { what },
    },
  ]);
}

interface Acknowledging {
  readonly pool: Pool;
  readonly trail: Pick<AuditTrail, "append">;
  readonly watch: Pick<AuditWatch, "look">;
}

/** Ends the alert about lost records. @returns how many losses there were */
export async function acknowledge(
  { pool, trail, watch }: Acknowledging,
  tenantId: string,
  actor: Actor,
): Promise<number> {
  const count = await withTenant(pool, tenantId, async (client) => {
    const found = await acknowledgeLosses(client, tenantId, actor.id);
    await trail.append(client, tenantId, actor, [
      {
        action: "update",
        entityType: "audit_losses",
        entityId: "all",
        dataClass: "business",
        detail: { count: found },
      },
    ]);
    return found;
  });
  await watch.look(tenantId);
  return count;
}
