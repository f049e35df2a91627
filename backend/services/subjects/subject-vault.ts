// The vault of subjects' data: seals and opens under their keys, and erases them.
// Tests: test/integration/subject-vault.test.ts, test/integration/erasure.test.ts
import { LRUCache } from "lru-cache";
import type { Pool } from "pg";
import type * as z from "zod";
import type { Actor } from "../audit/audit-event.js";
import type { AuditTrail } from "../audit/audit-trail.js";
import { DataKeys } from "./data-keys.js";
import { keyIdsOf, MAX_SUBJECTS, openEntry, sealEntry } from "./entry-cipher.js";
import type { EraseHolder, ErasureReport } from "./erase-holder.js";
import { ErasureJobs } from "./erasure-jobs.js";
import { Erasures, type FenceTags, type Resumed, subjectTag } from "./erasure-steps.js";
import type { KeyProvider } from "./key-provider.js";
import { joinRecord, type SplitRecord, splitRecord } from "./sensitive-fields.js";
import { keyIdsByPseudonym, makeKey, SubjectErased } from "./subject-key-rows.js";
import { LONE_SURROGATE, TenantKeys } from "./tenant-keys.js";
import { valueBytes, valueIn } from "./value-bytes.js";
import type { SealedRecord, SealOptions, SubjectExport, VaultStats } from "./vault-types.js";

export type * from "./vault-types.js";

export interface SubjectVaultOptions {
  /**
   * Of the vault's own: callers hold connections of theirs while they seal, and would wait for each other in
   * one pool.
   */
  readonly pool: Pool;
  readonly provider: KeyProvider;
  readonly audit: Pick<AuditTrail, "append">;
  /** `cache.invalidateTags`. */
  readonly fence: FenceTags;
  /** Where the audit trail has them already. Default: the vault's own. */
  readonly tenantKeys?: TenantKeys | undefined;
  /** Data keys in memory at most. Default 10,000. */
  readonly maxKeys?: number | undefined;
  /** How long an erasure waits for one holder, or the key provider, at one step. Default 5,000. */
  readonly stepBudgetMs?: number | undefined;
}

/** An entry that shows more than 64 subjects is not stored. */
export class TooManySubjects extends RangeError {
  override readonly name = "TooManySubjects";
}

const SYSTEM: Actor = { id: "system", role: "system" };
const MAX_REASON_CHARACTERS = 500;
const KEY_IDS_KEPT_FOR_MS = 60_000;
const MAX_KEY_IDS = 50_000;

/** No record opens as a value, and no value as a record. */
const fieldsOf = (context: string) => `${context}#fields`;

export class SubjectVault {
  readonly #pool: Pool;
  readonly #provider: KeyProvider;
  readonly #tenantKeys: TenantKeys;
  readonly #dataKeys: DataKeys;
  readonly #jobs: ErasureJobs;
  readonly #erasures: Erasures;
  /** Which key a pseudonym has. Whether it is still live is asked of the database in any case. */
  readonly #keyIds = new LRUCache<string, string>({ max: MAX_KEY_IDS, ttl: KEY_IDS_KEPT_FOR_MS });
  readonly #counts = { sealed: 0, opened: 0 };
  readonly #refused = { format: 0, erased: 0, value: 0, key: 0, bytes: 0 };

  constructor(options: SubjectVaultOptions) {
    const { pool, provider, audit, fence, tenantKeys, maxKeys, stepBudgetMs } = options;
    this.#pool = pool;
    this.#provider = provider;
    this.#tenantKeys = tenantKeys ?? new TenantKeys(pool, provider);
    this.#dataKeys = new DataKeys({ pool, provider, maxKeys });
    this.#jobs = new ErasureJobs(pool, this.#tenantKeys);
    this.#erasures = new Erasures({
      jobs: this.#jobs,
      provider,
      dataKeys: this.#dataKeys,
      audit,
      fence,
      stepBudgetMs,
    });
  }

  /**
   * Seals JSON under the keys of all subjects it shows (1 to 64). Any one of them erased, it opens no more.
   * @param context what it is, such as `communication:42`: it opens for that alone
   * @throws TooManySubjects above 64; SubjectErased where one is erased; ValueTooLarge above 8 MiB;
   * KeysUnavailable
   */
  async seal(
    tenantId: string,
    subjectIds: readonly string[],
    context: string,
    value: unknown,
    { padTo }: SealOptions = {},
  ): Promise<Buffer> {
    const subjects = [...new Set(subjectIds)];
    if (subjects.length === 0) throw new TypeError("a value that shows no subject need not be sealed");
    if (subjects.length > MAX_SUBJECTS)
      throw new TooManySubjects(
        `${subjects.length} subjects: a value of more than ${MAX_SUBJECTS} is not sealed`,
      );
    if (LONE_SURROGATE.test(context)) throw new TypeError("a context holds a lone surrogate");
    const plaintext = await valueBytes(value, padTo);
    const pseudonyms = await Promise.all(subjects.map((id) => this.pseudonym(tenantId, id)));
    // Twice where a key is known that has gone since: the second look says whether by an erasure.
    for (let look = 0; look < 2; look += 1) {
      const ids = await this.#keyIdsOf(tenantId, pseudonyms);
      const sealed = await this.#dataKeys.use(tenantId, ids, (keys) =>
        sealEntry(
          { tenantId, context },
          keys.map((key, index) => ({ id: ids[index] ?? "", key })),
          plaintext,
        ),
      );
      if (sealed) {
        this.#counts.sealed += 1;
        return sealed.result;
      }
      for (const pseudonym of pseudonyms) this.#keyIds.delete(`${tenantId}:${pseudonym}`);
    }
    throw new SubjectErased();
  }

  /**
   * `undefined` where a subject's key has been destroyed, or the bytes are not what was sealed for this
   * context; counted.
   * @throws KeysUnavailable, and what the database throws while it is away: nothing is known then
   */
  async open(tenantId: string, context: string, sealed: Buffer): Promise<unknown | undefined> {
    const keyIds = keyIdsOf(sealed);
    if (!keyIds) return this.#refuse("format");
    if (LONE_SURROGATE.test(context)) return this.#refuse("bytes");
    const used = await this.#dataKeys.use(tenantId, keyIds, (keys) =>
      openEntry({ tenantId, context }, keys, sealed),
    );
    if (!used) return this.#refuse("erased");
    if (!Buffer.isBuffer(used.result)) return this.#refuse(used.result);
    const opened = await valueIn(used.result);
    if (!opened) return this.#refuse("value");
    this.#counts.opened += 1;
    return opened.value;
  }

  /**
   * Seals the fields that the schema marks with `sensitive(…)`, and what it does not name, as one value:
   * sizes and presence of single fields are not told. The rest stays readable, and is not bound to them.
   * @throws as {@link seal} does
   */
  async sealRecord<S extends z.ZodType>(
    tenantId: string,
    subjectIds: readonly string[],
    context: string,
    schema: S,
    record: z.output<S>,
  ): Promise<SealedRecord> {
    const { readable, secrets } = splitRecord(schema, record);
    return { readable, sealed: await this.seal(tenantId, subjectIds, fieldsOf(context), secrets) };
  }

  /**
   * The record as it was sealed; `undefined` as {@link open} says. The schema's transformations and defaults
   * are not applied again.
   */
  async openRecord<S extends z.ZodType>(
    tenantId: string,
    context: string,
    _schema: S,
    { readable, sealed }: SealedRecord,
  ): Promise<z.output<S> | undefined> {
    const secrets = await this.open(tenantId, fieldsOf(context), sealed);
    if (secrets === undefined) return undefined;
    // Authenticated: only sealRecord makes a value for this context.
    const record = joinRecord({ readable, secrets: secrets as SplitRecord["secrets"] });
    return record === undefined ? this.#refuse("value") : (record as z.output<S>);
  }

  /**
   * HMAC-SHA-256 of the subject's id under a key of the tenant, 32 hex digits. It outlives erasure and
   * rotation.
   */
  pseudonym(tenantId: string, subjectId: string): Promise<string> {
    return this.#tenantKeys.pseudonym(tenantId, subjectId);
  }

  /** The tag that cache entries carry for each subject they show. */
  async tag(tenantId: string, subjectId: string): Promise<string> {
    return subjectTag(await this.pseudonym(tenantId, subjectId));
  }

  /** Whether the subject has been erased, or is being erased: nothing about it may be taken in again. */
  async isErased(tenantId: string, subjectId: string): Promise<boolean> {
    return (await this.erasureReport(tenantId, subjectId)) !== undefined;
  }

  /** Called by each holder of data about subjects, at start. */
  onErase(holder: EraseHolder): void {
    this.#erasures.add(holder);
  }

  /**
   * Destroys the subject's key, drops what is held, and resolves once nothing about the subject can be read
   * anywhere. Of a subject that has been erased, resolves with that report.
   * @param reason no personal data; at most 500 characters
   * @param actor default: the system
   * @throws ErasureUnfinished where a step failed: nothing is disclosed any more, and the rest is done in the
   * background
   */
  async erase(
    tenantId: string,
    subjectId: string,
    reason: string,
    actor: Actor = SYSTEM,
  ): Promise<ErasureReport> {
    if (reason.trim() === "" || reason.length > MAX_REASON_CHARACTERS)
      throw new TypeError(`an erasure needs a reason of at most ${MAX_REASON_CHARACTERS} characters`);
    return this.#erasures.erase({ tenantId, subjectId, reason, actor });
  }

  /** Finishes erasures that no process has been at for five seconds. */
  resumeErasures(): Promise<Resumed> {
    return this.#erasures.resume();
  }

  async erasureReport(tenantId: string, subjectId: string): Promise<ErasureReport | undefined> {
    return this.#jobs.report(tenantId, await this.pseudonym(tenantId, subjectId));
  }

  /** Erasures that have begun and are not finished, the oldest first. */
  unfinishedErasures(tenantId: string, limit: number): Promise<ErasureReport[]> {
    return this.#jobs.unfinished(tenantId, limit);
  }

  /** All that the holders have about the subject, as JSON (GDPR articles 15 and 20). */
  async export(tenantId: string, subjectId: string): Promise<SubjectExport> {
    const { holders } = this.#erasures;
    const [held, data] = await Promise.all([
      Promise.all(holders.map((holder) => holder.holds(tenantId, subjectId))),
      Promise.all(
        holders.map(async (holder) => [holder.name, await holder.export(tenantId, subjectId)] as const),
      ),
    ]);
    return {
      subjectId,
      exportedAt: new Date().toISOString(),
      held: held.flat(),
      data: Object.fromEntries(data),
    };
  }

  stats(): VaultStats {
    return { ...this.#counts, refused: { ...this.#refused }, keysHeld: this.#dataKeys.size };
  }

  /** Drops all keys from memory. */
  close(): void {
    this.#dataKeys.clear();
    this.#tenantKeys.clear();
    this.#keyIds.clear();
  }

  async #keyIdsOf(tenantId: string, pseudonyms: readonly string[]): Promise<string[]> {
    const name = (pseudonym: string) => `${tenantId}:${pseudonym}`;
    const unknown = pseudonyms.filter((pseudonym) => !this.#keyIds.has(name(pseudonym)));
    const found = new Map<string, string>();
    if (unknown.length > 0) {
      for (const [pseudonym, keyId] of await keyIdsByPseudonym(this.#pool, tenantId, unknown))
        found.set(pseudonym, keyId);
    }
    const ids: string[] = [];
    for (const pseudonym of pseudonyms) {
      const keyId =
        found.get(pseudonym) ??
        this.#keyIds.get(name(pseudonym)) ??
        (await makeKey(this.#pool, this.#provider, tenantId, pseudonym));
      this.#keyIds.set(name(pseudonym), keyId);
      ids.push(keyId);
    }
    return ids;
  }

  #refuse(reason: keyof VaultStats["refused"]): undefined {
    this.#refused[reason] += 1;
  }
}
