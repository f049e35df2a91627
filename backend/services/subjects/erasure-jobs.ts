// The table subject_erasures: an erasure is a job until it is finished, and its report from then on.
// Tests: test/integration/erasure.test.ts
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Actor } from "../audit/audit-event.js";
import { openEntry, sealEntry } from "./entry-cipher.js";
import type { ErasureReport, Holding } from "./erase-holder.js";
import { ANY_TENANT, holdSubject } from "./subject-key-rows.js";
import type { TenantKeys } from "./tenant-keys.js";

/** A process that has not come back to its job for so long is taken for dead. All steps may be done twice. */
const TAKEN_OVER_AFTER_SECONDS = 5;
const MAX_JOBS_TAKEN = 10;

interface Row {
  readonly id: string;
  readonly pseudonym: string;
  readonly sealed_subject: Buffer | null;
  readonly reason: string;
  readonly actor: Actor;
  readonly key_ids: readonly string[];
  readonly requested_at: Date;
  readonly held: readonly Holding[] | null;
  readonly finished_at: Date | null;
}

export interface ErasureJob {
  readonly id: string;
  readonly tenantId: string;
  readonly subjectId: string;
  readonly pseudonym: string;
  readonly reason: string;
  readonly actor: Actor;
  readonly keyIds: readonly string[];
  readonly isHeldKnown: boolean;
}

export interface ErasureRequest {
  readonly tenantId: string;
  readonly subjectId: string;
  readonly reason: string;
  readonly actor: Actor;
}

export class ErasureJobs {
  readonly #pool: Pool;
  readonly #tenantKeys: TenantKeys;

  constructor(pool: Pool, tenantKeys: TenantKeys) {
    this.#pool = pool;
    this.#tenantKeys = tenantKeys;
  }

  /**
   * Notes the job and marks the subject's key in one transaction: once it has committed, no process opens
   * anything more, and whoever finds the job can finish it. Finds the job that is there already.
   * @returns the job; the report where it is finished
   */
  async begin({ tenantId, subjectId, reason, actor }: ErasureRequest): Promise<ErasureJob | ErasureReport> {
    const pseudonym = await this.#tenantKeys.pseudonym(tenantId, subjectId);
    const sealed = await this.#sealSubject(tenantId, subjectId);
    return withTenant(
      this.#pool,
      tenantId,
      async (client) => {
        await holdSubject(client, tenantId, pseudonym);
        const marked = await client.query<{ key_id: string }>(
          `UPDATE subject_keys SET erasing_at = coalesce(erasing_at, now())
           WHERE tenant_id = $1 AND pseudonym = $2 RETURNING key_id`,
          [tenantId, pseudonym],
        );
        const { rows } = await client.query<Row>(
          `INSERT INTO subject_erasures AS job (tenant_id, pseudonym, sealed_subject, reason, actor, key_ids)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT ON CONSTRAINT subject_erasures_one_each
           DO UPDATE SET attempts = job.attempts + 1, attempted_at = now() RETURNING *`,
          [tenantId, pseudonym, sealed, reason, actor, marked.rows.map(({ key_id }) => key_id)],
        );
        const [row] = rows;
        if (!row) throw new Error("the job was not written");
        return row.finished_at ? reportOf(row) : jobOf(tenantId, subjectId, row);
      },
      ANY_TENANT,
    );
  }

  /**
   * Jobs of the tenant that nobody has been at for five seconds; they are this process's now. Each is opened by
   * itself: one that cannot be keeps no other from being finished.
   */
  async takeOver(tenantId: string): Promise<(() => Promise<ErasureJob>)[]> {
    const { rows } = await withTenant(
      this.#pool,
      tenantId,
      (client) =>
        client.query<Row>(
          `UPDATE subject_erasures SET attempts = attempts + 1, attempted_at = now()
           WHERE tenant_id = $1 AND id IN (
             SELECT id FROM subject_erasures
             WHERE tenant_id = $1 AND finished_at IS NULL AND attempted_at < now() - make_interval(secs => $2)
             ORDER BY attempted_at LIMIT $3 FOR UPDATE SKIP LOCKED
           ) RETURNING *`,
          [tenantId, TAKEN_OVER_AFTER_SECONDS, MAX_JOBS_TAKEN],
        ),
      ANY_TENANT,
    );
    return rows.map(
      (row) => async () => jobOf(tenantId, await this.#openSubject(tenantId, row.sealed_subject), row),
    );
  }

  /** Tenants with jobs that are not finished. */
  async tenantsWithJobs(): Promise<string[]> {
    const { rows } = await this.#pool.query<{ tenant_id: string }>(
      "SELECT DISTINCT tenant_id FROM subject_erasures WHERE finished_at IS NULL",
    );
    return rows.map((row) => row.tenant_id);
  }

  /** Only the first counts: later there is less. */
  async noteHeld({ tenantId, id }: ErasureJob, held: readonly Holding[]): Promise<void> {
    await this.#change(
      tenantId,
      "UPDATE subject_erasures SET held = $3 WHERE tenant_id = $1 AND id = $2 AND held IS NULL",
      [id, JSON.stringify(held)],
    );
  }

  /** PostgreSQL overwrites nothing; docs/crm/subjects.md says why that does not matter. */
  async removeKeys({ tenantId, keyIds }: ErasureJob): Promise<void> {
    await this.#change(tenantId, "DELETE FROM subject_keys WHERE tenant_id = $1 AND key_id = ANY ($2)", [
      keyIds,
    ]);
  }

  /** @param tombstone in the same transaction, by whoever comes first: there is one tombstone */
  async finish(
    { tenantId, id }: ErasureJob,
    tombstone: (client: PoolClient) => Promise<void>,
  ): Promise<ErasureReport> {
    // The tombstone needs it, and must not wait for a second connection while it has one.
    await this.#tenantKeys.jobKey(tenantId);
    return withTenant(
      this.#pool,
      tenantId,
      async (client) => {
        const { rows } = await client.query<Row>(
          `UPDATE subject_erasures SET finished_at = now(), sealed_subject = NULL
           WHERE tenant_id = $1 AND id = $2 AND finished_at IS NULL RETURNING *`,
          [tenantId, id],
        );
        if (rows[0]) {
          await tombstone(client);
          return reportOf(rows[0]);
        }
        const finished = await client.query<Row>(
          "SELECT * FROM subject_erasures WHERE tenant_id = $1 AND id = $2",
          [tenantId, id],
        );
        if (!finished.rows[0]) throw new Error("the erasure's job is gone");
        return reportOf(finished.rows[0]);
      },
      ANY_TENANT,
    );
  }

  async report(tenantId: string, pseudonym: string): Promise<ErasureReport | undefined> {
    const { rows } = await withTenant(
      this.#pool,
      tenantId,
      (client) =>
        client.query<Row>("SELECT * FROM subject_erasures WHERE tenant_id = $1 AND pseudonym = $2", [
          tenantId,
          pseudonym,
        ]),
      { ...ANY_TENANT, readOnly: true },
    );
    return rows[0] && reportOf(rows[0]);
  }

  /** Erasures that are not finished, the oldest first. */
  async unfinished(tenantId: string, limit: number): Promise<ErasureReport[]> {
    const { rows } = await withTenant(
      this.#pool,
      tenantId,
      (client) =>
        client.query<Row>(
          "SELECT * FROM subject_erasures WHERE tenant_id = $1 AND finished_at IS NULL ORDER BY requested_at, id LIMIT $2",
          [tenantId, limit],
        ),
      { ...ANY_TENANT, readOnly: true },
    );
    return rows.map(reportOf);
  }

  async #change(tenantId: string, sql: string, values: readonly unknown[]): Promise<void> {
    await withTenant(this.#pool, tenantId, (client) => client.query(sql, [tenantId, ...values]), ANY_TENANT);
  }

  async #sealSubject(tenantId: string, subjectId: string): Promise<Buffer> {
    return sealEntry(
      { tenantId, context: "erasure" },
      [await this.#tenantKeys.jobKey(tenantId)],
      Buffer.from(subjectId, "utf8"),
    );
  }

  async #openSubject(tenantId: string, sealed: Buffer | null): Promise<string> {
    const { key } = await this.#tenantKeys.jobKey(tenantId);
    const opened = sealed && openEntry({ tenantId, context: "erasure" }, [key], sealed);
    if (!Buffer.isBuffer(opened)) throw new Error("the job does not say which subject it is about");
    return opened.toString("utf8");
  }
}

const jobOf = (tenantId: string, subjectId: string, row: Row): ErasureJob => ({
  id: row.id,
  tenantId,
  subjectId,
  pseudonym: row.pseudonym,
  reason: row.reason,
  actor: row.actor,
  keyIds: row.key_ids,
  isHeldKnown: row.held !== null,
});

const reportOf = (row: Row): ErasureReport => ({
  id: row.id,
  pseudonym: row.pseudonym,
  state: row.finished_at ? "erased" : "unfinished",
  reason: row.reason,
  requestedBy: { id: row.actor.id, role: row.actor.role },
  requestedAt: row.requested_at.toISOString(),
  ...(row.finished_at && { finishedAt: row.finished_at.toISOString() }),
  ...(row.held && { held: row.held }),
});
