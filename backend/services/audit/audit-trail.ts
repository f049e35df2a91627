// The audit trail of all tenants: records in the transaction of the change, and on their own.
// Tests: test/integration/audit-trail.test.ts
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Actor, AuditEvent, AuditLog, ConsentReference } from "./audit-event.js";
import { AuditUnavailable } from "./audit-unavailable.js";
import { canonicalRecords, type RecordDependencies } from "./canonical-record.js";
import { type Checkpointer, openTenantCheckpoint } from "./checkpointer.js";
import { type IntegrityOptions, type IntegrityReport, verifyIntegrity } from "./integrity.js";
import { integritySource } from "./integrity-source.js";
import { Recorder, type RecorderOptions } from "./policy/recorder.js";
import { type LogPage, logsOfEntity } from "./record-reader.js";

export type * from "./audit-event.js";

export interface AuditTrailOptions
  extends RecordDependencies,
    Pick<RecorderOptions, "logger" | "policyWithinMs" | "group" | "buffer"> {
  readonly pool: Pool;
  /** Knows what was signed and published. Default: the tree is held against itself. */
  readonly checkpointer?: Checkpointer | undefined;
}

export class AuditTrail {
  readonly #pool: Pool;
  readonly #records: RecordDependencies;
  readonly #checkpointer: Checkpointer | undefined;
  readonly #recorder: Recorder;

  constructor({ pool, checkpointer, logger, policyWithinMs, group, buffer, ...records }: AuditTrailOptions) {
    this.#pool = pool;
    this.#checkpointer = checkpointer;
    this.#records = records;
    this.#recorder = new Recorder({
      pool,
      pseudonym: records.pseudonym,
      canonicalRecords: (tenantId, actor, events) => this.canonicalRecords(tenantId, actor, events),
      insert: insertRecords,
      logger,
      policyWithinMs,
      ...(group && { group }),
      ...(buffer && { buffer }),
    });
  }

  /** Records by the policies of data classes, and consent. */
  get recorder(): Recorder {
    return this.#recorder;
  }

  /** Knows what was signed, and by which keys. */
  get checkpointer(): Checkpointer | undefined {
    return this.#checkpointer;
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
   * For what has no transaction: reads, hits, refusals. Resolves as the policy of their data class says (`require`: once they are
   * committed).
   * @throws AuditUnavailable (503) where they could not be
   */
  async record(tenantId: string, actor: Actor, events: readonly AuditEvent[]): Promise<void> {
    await this.#recorder.record(tenantId, actor, events);
  }

  /**
   * Asks consent, and records a refusal. @returns the consent to be named in the record of the access; `undefined` where it needs none
   * @throws ConsentRefused (403), after its record is durable; AuditUnavailable (503)
   */
  async requireConsent(
    tenantId: string,
    actor: Actor,
    event: AuditEvent,
  ): Promise<ConsentReference | undefined> {
    return await this.#recorder.requireConsent(tenantId, actor, event);
  }

  /**
   * {@link requireConsent} and {@link record} in one transaction, when what was read is about to leave.
   * @throws ConsentRefused (403), after its record is durable; AuditUnavailable (503)
   */
  async disclose(tenantId: string, actor: Actor, event: AuditEvent): Promise<void> {
    await this.#recorder.disclose(tenantId, actor, event);
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
      opened: (note) => openTenantCheckpoint(note, keys, tenantId),
      ...pass,
    });
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

  /** For whoever cannot throw it any more: a mistake in the program, told in the log. */
  unforeseen(error: unknown): void {
    this.#recorder.unforeseen(error);
  }

  /** Writes what is buffered. @returns how many records were not written: others will find them missing */
  async close(): Promise<number> {
    return await this.#recorder.close();
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
