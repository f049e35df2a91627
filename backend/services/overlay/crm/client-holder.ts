// Clients as an erasure, an export, the clean-up and the statistics see them.
// Tests: test/integration/overlay-erasure.test.ts, test/integration/overlay-clients.test.ts
import { withTenant } from "../../../db/tenant-transaction.js";
import type { EraseHolder } from "../../subjects/erase-holder.js";
import type { OverlayParts } from "../overlay-parts.js";
import { ANY_TENANT, type Figures, removeOnRecord } from "../upkeep.js";
import { clientFigures, deleteClient, findClients, removeExpiredClients } from "./client-rows.js";
import type { CrmCacheService } from "./crm-cache-service.js";

/** Registered with the vault at start. */
export function clientHolder({ pool, vault }: OverlayParts, service: CrmCacheService): EraseHolder {
  const rowOf = async (tenantId: string, subjectId: string) => {
    const subject = await vault.pseudonym(tenantId, subjectId);
    const found = await withTenant(pool, tenantId, (client) => findClients(client, tenantId, [subject]), {
      readOnly: true,
      ...ANY_TENANT,
    });
    return found.get(subject);
  };
  return {
    name: "crm clients",
    holds: async (tenantId, subjectId) => {
      const row = await rowOf(tenantId, subjectId);
      if (!row) return [];
      const held = { what: "clients of other CRMs", count: 1, until: row.meta.expires_at };
      return [
        { ...held, where: "PostgreSQL, overlay_clients" },
        { ...held, where: "cache, crm_client:{crmSystem}:{crmId}" },
      ];
    },
    erase: async (tenantId, subjectId) => {
      const subject = await vault.pseudonym(tenantId, subjectId);
      await withTenant(pool, tenantId, (client) => deleteClient(client, tenantId, subject), ANY_TENANT);
      await service.drop(tenantId, subjectId);
    },
    export: async (tenantId, subjectId) => {
      const row = await rowOf(tenantId, subjectId);
      const client = row && (await service.openRow(tenantId, row));
      return client ? [client] : [];
    },
  };
}

/** At most so many, on record. @returns how many copies and rows are gone */
export async function removeOldClients(
  parts: OverlayParts,
  tenantId: string,
  limit: number,
): Promise<number> {
  return await removeOnRecord(parts, tenantId, { entityType: "crm_client", dataClass: "phi" }, (client) =>
    removeExpiredClients(client, tenantId, limit),
  );
}

export async function crmFigures({ pool }: OverlayParts, tenantId: string): Promise<Figures> {
  return await withTenant(pool, tenantId, (client) => clientFigures(client, tenantId), { readOnly: true });
}
