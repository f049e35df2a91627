// What is recorded how, kept for how long, and asked consent for: one policy for each data class, which a tenant may change.
// Tests: test/integration/audit-policy.test.ts
import type { Pool, PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../../db/tenant-transaction.js";
import { type AuditEvent, DATA_CLASSES, type DataClass, PURPOSES, type Purpose } from "../audit-event.js";
import { AuditUnavailable } from "../audit-unavailable.js";
import { within } from "./within.js";

/**
 * `require`: nothing leaves before its record is durable. `buffer`: its record is written soon, and may be lost with the process.
 * `off`: reads are not recorded; refusals and changes are, always.
 */
export const MODES = ["require", "buffer", "off"] as const;
export type Mode = (typeof MODES)[number];

export interface ClassPolicy {
  readonly mode: Mode;
  /** Days; from the record's time on. */
  readonly retentionDays: number;
  /** Purposes of use that need no consent of the subject. */
  readonly purposesWithoutConsent: readonly Purpose[];
}

export type TenantPolicy = Readonly<Record<DataClass, ClassPolicy>>;

/** Six years with both of their leap days: 45 CFR 164.316(b)(2)(i). */
export const SIX_YEARS_DAYS = 2192;
/** The least that a tenant may say, by class. */
export const LEAST_RETENTION_DAYS: Readonly<Record<DataClass, number>> = {
  phi: SIX_YEARS_DAYS,
  personal: SIX_YEARS_DAYS,
  business: 30,
};

/**
 * 45 CFR 164.506 and 164.512 allow treatment, payment, operations (care management is one) and emergencies without an authorization,
 * and 164.502(a)(1)(i) what the individual asks for; marketing needs one (164.508(a)(3)).
 */
const ALLOWED_BY_LAW: readonly Purpose[] = ["TREAT", "HPAYMT", "HOPERAT", "CAREMGT", "PATRQT", "ETREAT"];

export const DEFAULT_POLICY: TenantPolicy = {
  phi: { mode: "require", retentionDays: SIX_YEARS_DAYS, purposesWithoutConsent: ALLOWED_BY_LAW },
  personal: { mode: "require", retentionDays: SIX_YEARS_DAYS, purposesWithoutConsent: ALLOWED_BY_LAW },
  business: { mode: "buffer", retentionDays: SIX_YEARS_DAYS, purposesWithoutConsent: PURPOSES },
};

/** What a tenant may write for a class. */
export const classPolicySchema = (dataClass: DataClass) =>
  z.strictObject({
    mode: z.enum(MODES, `must be one of ${MODES.join(", ")}`),
    retention_days: z
      .int()
      .min(
        LEAST_RETENTION_DAYS[dataClass],
        `must be ${LEAST_RETENTION_DAYS[dataClass]} or more for this class`,
      )
      .max(36_525),
    purposes_without_consent: z
      .array(z.enum(PURPOSES, `must be one of ${PURPOSES.join(", ")}`))
      .transform((purposes) => [...new Set(purposes)]),
  });

export type ClassPolicyDocument = z.output<ReturnType<typeof classPolicySchema>>;

interface PolicyRow extends ClassPolicyDocument {
  readonly data_class: DataClass;
}

/** How old a policy may be that a process acts by, milliseconds: so much later a change holds in the others. */
const REMEMBERED_MS = 5000;
const MAX_REMEMBERED = 10_000;
const ANSWERS_WITHIN_MS = 1000;

/** For tests. */
export interface PolicyStoreOptions {
  /** A clock that does not jump. */
  readonly nowMs?: () => number;
  /** How long the database may take to tell a policy, milliseconds. Default 1000. */
  readonly answersWithinMs?: number | undefined;
}

export class PolicyStore {
  readonly #pool: Pool;
  readonly #nowMs: () => number;
  readonly #answersWithinMs: number;
  #changes = 0;
  readonly #reading = new Map<string, Promise<TenantPolicy>>();
  readonly #known = new Map<string, { readonly policy: TenantPolicy; readonly atMs: number }>();

  constructor(pool: Pool, options: PolicyStoreOptions = {}) {
    const { nowMs = () => performance.now(), answersWithinMs = ANSWERS_WITHIN_MS } = options;
    this.#pool = pool;
    this.#nowMs = nowMs;
    this.#answersWithinMs = answersWithinMs;
  }

  /**
   * The policy to act by: at most five seconds old. Where the database is away, the last one known.
   * @throws AuditUnavailable (503) where none is known: the tenant's own may be stricter than the default
   */
  async of(tenantId: string): Promise<TenantPolicy> {
    const known = this.#known.get(tenantId);
    if (known && this.#nowMs() - known.atMs < REMEMBERED_MS) return known.policy;
    // Those that ask at the same time share one look.
    const reading = this.#reading.get(tenantId) ?? this.#look(tenantId);
    this.#reading.set(tenantId, reading);
    try {
      return await within(this.#answersWithinMs, reading);
    } catch (error) {
      // What the class then asks for decides: "require" meets the same database, and refuses.
      if (known) return known.policy;
      throw new AuditUnavailable(error);
    }
  }

  async #look(tenantId: string): Promise<TenantPolicy> {
    const changes = this.#changes;
    try {
      const policy = await withTenant(this.#pool, tenantId, (client) => this.read(client, tenantId), {
        readOnly: true,
        anyTenant: true,
      });
      if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
      // What a change of this process has overtaken is not remembered.
      if (changes === this.#changes) this.#known.set(tenantId, { policy, atMs: this.#nowMs() });
      return policy;
    } finally {
      this.#reading.delete(tenantId);
    }
  }

  /** In the caller's transaction, which may not be committed: not remembered. */
  async read(client: PoolClient, tenantId: string): Promise<TenantPolicy> {
    const { rows } = await client.query<PolicyRow>(
      "SELECT data_class, mode, retention_days, purposes_without_consent FROM audit_policies WHERE tenant_id = $1",
      [tenantId],
    );
    const own = Object.fromEntries(rows.map((row) => [row.data_class, policyOf(row)]));
    return { ...DEFAULT_POLICY, ...own };
  }

  /** In the caller's transaction, which also records it. Holds in this process once `forget` is called. */
  async write(
    client: PoolClient,
    tenantId: string,
    dataClass: DataClass,
    document: ClassPolicyDocument,
    actorId: string,
  ): Promise<void> {
    const { mode, retention_days, purposes_without_consent } = document;
    await client.query(
      `INSERT INTO audit_policies (tenant_id, data_class, mode, retention_days, purposes_without_consent, updated_by)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (tenant_id, data_class) DO UPDATE SET mode = excluded.mode, retention_days = excluded.retention_days,
         purposes_without_consent = excluded.purposes_without_consent, updated_by = excluded.updated_by, updated_at = now()`,
      [tenantId, dataClass, mode, retention_days, purposes_without_consent, actorId],
    );
  }

  /** After the COMMIT of a change. */
  forget(tenantId: string): void {
    this.#changes++;
    this.#reading.delete(tenantId);
    this.#known.delete(tenantId);
  }
}

const policyOf = (row: PolicyRow): ClassPolicy => ({
  mode: row.mode,
  retentionDays: row.retention_days,
  purposesWithoutConsent: row.purposes_without_consent,
});

/** An access without a purpose is covered where no purpose needs consent. */
export function needsConsent(
  { purpose }: Pick<AuditEvent, "purpose">,
  { purposesWithoutConsent }: ClassPolicy,
): boolean {
  if (purpose !== undefined) return !purposesWithoutConsent.includes(purpose);
  return !PURPOSES.every((each) => purposesWithoutConsent.includes(each));
}

/** As routes show it. */
export const toldPolicy = (policy: TenantPolicy) =>
  DATA_CLASSES.map((dataClass) => ({
    data_class: dataClass,
    mode: policy[dataClass].mode,
    retention_days: policy[dataClass].retentionDays,
    purposes_without_consent: policy[dataClass].purposesWithoutConsent,
  }));
