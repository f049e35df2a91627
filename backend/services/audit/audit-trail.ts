// The audit trail of all tenants: records in the transaction of the change, and on their own.
// Tests: test/integration/audit-trail.test.ts
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Actor, AuditEvent, AuditLog } from "./audit-event.js";
import { AuditUnavailable } from "./audit-unavailable.js";
import { canonicalRecords, type RecordDependencies } from "./canonical-record.js";
import { type Checkpointer, originOf } from "./checkpointer.js";
import { type IntegrityOptions, type IntegrityReport, verifyIntegrity } from "./integrity.js";
import { integritySource } from "./integrity-source.js";
import { type LogPage, logsOfEntity } from "./record-reader.js";

export type * from "./audit-event.js";

export interface AuditTrailOptions extends RecordDependencies {
  readonly pool: Pool;
  /** Knows what was signed and published. Default: the tree is held against itself. */
  readonly checkpointer?: Checkpointer | undefined;
}

export class AuditTrail {
  readonly #pool: Pool;
  readonly #records: RecordDependencies;
  readonly #checkpointer: Checkpointer | undefined;

  constructor({ pool, checkpointer, ...records }: AuditTrailOptions) {
    this.#pool = pool;
    this.#checkpointer = checkpointer;
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

  /**
   * Whether the tenant's records are those that were signed and published; errors name the first bad index.
   * @param pass goes on where an interrupted one was
   */
  async verifyAuditIntegrity(
    tenantId: string,
    pass: Pick<IntegrityOptions, "from" | "onProven"> = {},
  ): Promise<IntegrityReport> {
    const { keys = [], places = [] } = this.#checkpointer ?? {};
    return await verifyIntegrity({
      source: integritySource(this.#pool, tenantId),
      tenantId,
      places,
      keys,
      origins: keys.map((key) => originOf(key, tenantId)),
      ...pass,
    });
  }

  /** Nothing is recorded after it. */
  async close(): Promise<void> {}

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
