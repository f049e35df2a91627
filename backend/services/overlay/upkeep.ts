// What all services have beside their calls: figures, and what is over.
// Tests: test/integration/overlay-upkeep.test.ts
import type { PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Actor, AuditEvent } from "../audit/audit-event.js";
import type { OverlayParts } from "./overlay-parts.js";

/** Of one tenant, in PostgreSQL. */
export interface Figures {
  readonly rows: number;
  /** Of sealed values. */
  readonly bytes: number;
  /** Over, and not cleaned up yet. */
  readonly over: number;
}

/** Who does what nobody has asked for. */
export const SYSTEM: Actor = { id: "system", role: "system" };

/** Upkeep and erasure reach tenants that are suspended, too. */
export const ANY_TENANT = { anyTenant: true } as const;

/**
 * Removes what is over and puts that on record, in one transaction.
 * @param remove resolves with how many are gone
 * @returns how many are gone
 */
export async function removeOnRecord(
  { pool, audit }: Pick<OverlayParts, "pool" | "audit">,
  tenantId: string,
  about: Pick<AuditEvent, "entityType" | "dataClass">,
  remove: (client: PoolClient) => Promise<number>,
): Promise<number> {
  return await withTenant(
    pool,
    tenantId,
    async (client) => {
      const removed = await remove(client);
      if (removed > 0)
        await audit.append(client, tenantId, SYSTEM, [
          { action: "delete", entityId: "expired", ...about, detail: { removed } },
        ]);
      return removed;
    },
    ANY_TENANT,
  );
}
