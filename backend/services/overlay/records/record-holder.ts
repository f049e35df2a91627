// Records as an erasure, an export, the clean-up and the statistics see them.
// Tests: test/integration/overlay-erasure.test.ts, test/integration/overlay-records.test.ts
import { withTenant } from "../../../db/tenant-transaction.js";
import type { EraseHolder } from "../../subjects/erase-holder.js";
import type { OverlayParts } from "../overlay-parts.js";
import { ANY_TENANT, type Figures, removeOnRecord } from "../upkeep.js";
import type { BaseRecord } from "./record-kind.js";
import type { RecordService } from "./record-service.js";

const EXPORTED_AT_MOST = 10_000;

/** Registered with the vault at start. */
export function recordHolder<T extends BaseRecord>(
  { pool, vault }: OverlayParts,
  service: RecordService<T>,
): EraseHolder {
  const { kind, rows } = service;
  return {
    name: kind.plural,
    holds: async (tenantId, subjectId) => {
      const subject = await vault.pseudonym(tenantId, subjectId);
      const { count, until } = await withTenant(
        pool,
        tenantId,
        (client) => rows.countOf(client, tenantId, subject),
        { readOnly: true, ...ANY_TENANT },
      );
      if (count === 0) return [];
      const held = { what: kind.plural, count, ...(until && { until: until.toISOString() }) };
      return [
        { ...held, where: `PostgreSQL, ${rows.table}` },
        { ...held, where: `cache, ${kind.entryKey}` },
      ];
    },
    erase: async (tenantId, subjectId) => {
      const subject = await vault.pseudonym(tenantId, subjectId);
      const gone = await withTenant(
        pool,
        tenantId,
        (client) => rows.deleteOfSubject(client, tenantId, subject),
        ANY_TENANT,
      );
      // The client's own list, too: it may be cached where no record is left.
      await service.drop(tenantId, gone, [subject]);
    },
    export: async (tenantId, subjectId) => {
      const subject = await vault.pseudonym(tenantId, subjectId);
      const found = await withTenant(
        pool,
        tenantId,
        (client) => rows.ofSubject(client, tenantId, subject, EXPORTED_AT_MOST),
        { readOnly: true, ...ANY_TENANT },
      );
      const opened = await Promise.all(found.map((row) => service.open(tenantId, row)));
      return opened.filter((record) => record !== undefined);
    },
  };
}

/** Removes at most so many records that are over, on record. @returns how many */
export async function removeExpired<T extends BaseRecord>(
  parts: OverlayParts,
  { kind, rows }: RecordService<T>,
  tenantId: string,
  limit: number,
): Promise<number> {
  return await removeOnRecord(
    parts,
    tenantId,
    { entityType: kind.entityType, dataClass: kind.dataClass },
    (client) => rows.deleteExpired(client, tenantId, limit),
  );
}

export async function recordFigures<T extends BaseRecord>(
  { pool }: OverlayParts,
  { rows }: RecordService<T>,
  tenantId: string,
): Promise<Figures> {
  return await withTenant(pool, tenantId, (client) => rows.figures(client, tenantId), { readOnly: true });
}
