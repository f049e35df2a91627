// The queue of AI actions as an erasure, an export, the clean-up and the statistics see it.
// Tests: test/integration/overlay-erasure.test.ts, test/integration/overlay-ai.test.ts
import { withTenant } from "../../../db/tenant-transaction.js";
import type { EraseHolder } from "../../subjects/erase-holder.js";
import type { OverlayParts } from "../overlay-parts.js";
import { ANY_TENANT, type Figures, removeOnRecord } from "../upkeep.js";
import type { AICacheService } from "./ai-cache-service.js";
import { removeExpiredActions } from "./ai-queue-rows.js";

const EXPORTED_AT_MOST = 10_000;
const OF_SUBJECT = "FROM overlay_ai_actions WHERE tenant_id = $1 AND subjects @> ARRAY[$2::text]";

/** Registered with the vault at start. */
export function aiHolder({ pool, vault }: OverlayParts, service: AICacheService): EraseHolder {
  return {
    name: "ai queue",
    holds: async (tenantId, subjectId) => {
      const subject = await vault.pseudonym(tenantId, subjectId);
      const { rows } = await withTenant(
        pool,
        tenantId,
        (client) =>
          client.query<{ count: number }>(`SELECT count(*)::int AS count ${OF_SUBJECT}`, [tenantId, subject]),
        { readOnly: true, ...ANY_TENANT },
      );
      const count = rows[0]?.count ?? 0;
      const what = "actions of AI agents";
      return count === 0 ? [] : [{ what, where: "PostgreSQL, overlay_ai_actions", count }];
    },
    erase: async (tenantId, subjectId) => {
      const subject = await vault.pseudonym(tenantId, subjectId);
      await withTenant(
        pool,
        tenantId,
        (client) => client.query(`DELETE ${OF_SUBJECT}`, [tenantId, subject]),
        ANY_TENANT,
      );
    },
    export: async (tenantId, subjectId) => {
      const subject = await vault.pseudonym(tenantId, subjectId);
      const { rows } = await withTenant(
        pool,
        tenantId,
        (client) =>
          client.query<{ id: string; sealed: Buffer }>(
            `SELECT id, sealed ${OF_SUBJECT} ORDER BY seq LIMIT ${EXPORTED_AT_MOST}`,
            [tenantId, subject],
          ),
        { readOnly: true, ...ANY_TENANT },
      );
      const opened = await Promise.all(rows.map((row) => service.open(tenantId, row)));
      return opened.filter((content) => content !== undefined);
    },
  };
}

/** Removes at most so many actions that are over, on record. @returns how many */
export async function removeEndedActions(
  parts: OverlayParts,
  tenantId: string,
  limit: number,
): Promise<number> {
  return await removeOnRecord(parts, tenantId, { entityType: "ai_action", dataClass: "phi" }, (client) =>
    removeExpiredActions(client, tenantId, limit),
  );
}

export interface QueueFigures extends Figures {
  readonly pending: number;
  readonly leased: number;
  readonly done: number;
  readonly dead: number;
}

export async function queueFigures({ pool }: OverlayParts, tenantId: string): Promise<QueueFigures> {
  const { rows } = await withTenant(
    pool,
    tenantId,
    (client) =>
      client.query<Omit<QueueFigures, "bytes"> & { bytes: string }>(
        `SELECT count(*)::int AS rows, coalesce(sum(octet_length(sealed)), 0) AS bytes,
           (count(*) FILTER (WHERE expires_at <= now()))::int AS over,
           (count(*) FILTER (WHERE status = 'pending'))::int AS pending,
           (count(*) FILTER (WHERE status = 'leased'))::int AS leased,
           (count(*) FILTER (WHERE status = 'done'))::int AS done,
           (count(*) FILTER (WHERE status = 'dead'))::int AS dead
         FROM overlay_ai_actions WHERE tenant_id = $1`,
        [tenantId],
      ),
    { readOnly: true },
  );
  const [row] = rows;
  if (!row) throw new Error("an aggregate returned no row");
  return { ...row, bytes: Number(row.bytes) };
}
