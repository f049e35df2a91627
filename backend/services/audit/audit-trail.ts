// The audit trail of all tenants: records in the transaction of the change, and on their own.
// Tests: test/integration/audit-trail.test.ts
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Actor, AuditEvent, AuditLog } from "./audit-event.js";
import { AuditUnavailable } from "./audit-unavailable.js";
import { canonicalRecords, type RecordDependencies } from "./canonical-record.js";
import { type LogPage, logsOfEntity } from "./record-reader.js";

export type * from "./audit-event.js";

export interface AuditTrailOptions extends RecordDependencies {
  readonly pool: Pool;
}

export class AuditTrail {
  readonly #pool: Pool;
  readonly #records: RecordDependencies;

  constructor({ pool, ...records }: AuditTrailOptions) {
    this.#pool = pool;
    this.#records = records;
  }

  /**
   * In the caller's transaction, which acts for the tenant (`withTenant`): the change and its record are committed together, or
   * neither is.
   */
  async append(
    client: PoolClient,
    tenantId: string,
    actor: Actor,
    events: readonly AuditEvent[],
  ): Promise<void> {
    await insertRecords(client, tenantId, await this.canonicalRecords(tenantId, actor, events));
  }

  /**
   * For what has no transaction: reads, hits, refusals. Resolves once the records are committed.
   * @throws AuditUnavailable (503) where they could not be
   */
  async record(tenantId: string, actor: Actor, events: readonly AuditEvent[]): Promise<void> {
    await this.recordDurably(tenantId, await this.canonicalRecords(tenantId, actor, events));
  }

  /** The canonical records of events, as they are stored: what a group commit gathers. */
  async canonicalRecords(tenantId: string, actor: Actor, events: readonly AuditEvent[]): Promise<string[]> {
    try {
      return await canonicalRecords(tenantId, actor, events, this.#records);
    } catch (error) {
      if (error instanceof TypeError) throw error;
      // Pseudonyms need the tenant's key, which may be away.
      throw new AuditUnavailable(error);
    }
  }

  /**
   * Canonical records of one tenant, in a transaction of their own. Resolves once they are committed.
   * @throws AuditUnavailable (503)
   */
  async recordDurably(tenantId: string, contents: readonly string[]): Promise<void> {
    if (contents.length === 0) return;
    try {
      // Also what a suspended tenant's users were refused is on record.
      await withTenant(this.#pool, tenantId, (client) => insertRecords(client, tenantId, contents), {
        anyTenant: true,
      });
    } catch (error) {
      throw new AuditUnavailable(error);
    }
  }

  /** Records about an entity, the newest first; those that wait for their place are among them. */
  async getAuditLogs(
    tenantId: string,
    entityType: string,
    entityId: string,
    page: LogPage = {},
  ): Promise<AuditLog[]> {
    const subject = await this.#records.pseudonym(tenantId, entityId);
    return await withTenant(
      this.#pool,
      tenantId,
      (client) => logsOfEntity(client, tenantId, { entityType, entityId, subject }, page),
      { readOnly: true, anyTenant: true },
    );
  }
}

/** In the order given. */
export async function insertRecords(
  client: Pick<PoolClient, "query">,
  tenantId: string,
  contents: readonly string[],
): Promise<void> {
  if (contents.length === 0) return;
  await client.query(
    "INSERT INTO audit_pending (tenant_id, content) SELECT $1, content FROM unnest($2::text[]) WITH ORDINALITY AS t (content, n) ORDER BY n",
    [tenantId, contents],
  );
}
