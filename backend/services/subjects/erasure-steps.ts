// Erasure of a subject. Each step may be done again, by any process; what is not finished is taken over.
// Tests: test/integration/erasure.test.ts, test/faults/erasure-processes.test.ts
import { setTimeout as delay } from "node:timers/promises";
import type { AuditTrail } from "../audit/audit-trail.js";
import { CHECK_GOOD_FOR_MS, type DataKeys } from "./data-keys.js";
import { type EraseHolder, type ErasureReport, ErasureUnfinished, type Holding } from "./erase-holder.js";
import type { ErasureJob, ErasureJobs, ErasureRequest } from "./erasure-jobs.js";
import type { KeyProvider } from "./key-provider.js";

/** Replaces the fences of tags of a tenant in the cache. False where the store is away: it is done later. */
export type FenceTags = (tenantId: string, ...tags: string[]) => Promise<boolean>;

export interface ErasuresOptions {
  readonly jobs: ErasureJobs;
  readonly provider: KeyProvider;
  readonly dataKeys: DataKeys;
  readonly audit: Pick<AuditTrail, "append">;
  readonly fence: FenceTags;
  /** How long one holder, or the key provider, may take for one step. Default 5,000. */
  readonly stepBudgetMs?: number | undefined;
}

export interface Resumed {
  readonly finished: number;
  /** Of the first that could not be. */
  readonly problem?: string;
}

/** The tag of cache entries that show the subject. */
export const subjectTag = (pseudonym: string) => `subject-${pseudonym}`;

/** Clocks of two processes do not run equally fast. */
const MARGIN_MS = 50;
const STEP_BUDGET_MS = 5000;

export class Erasures {
  readonly #options: ErasuresOptions;
  readonly #holders = new Map<string, EraseHolder>();

  constructor(options: ErasuresOptions) {
    this.#options = options;
  }

  /** @throws TypeError where another holder has the name */
  add(holder: EraseHolder): void {
    if (this.#holders.has(holder.name)) throw new TypeError(`two holders are called "${holder.name}"`);
    this.#holders.set(holder.name, holder);
  }

  get holders(): readonly EraseHolder[] {
    return [...this.#holders.values()];
  }

  /**
   * Resolves once the subject is erased everywhere.
   * @throws ErasureUnfinished where a step failed: what is left is done in the background
   */
  async erase(request: ErasureRequest): Promise<ErasureReport> {
    const begun = await this.#options.jobs.begin(request);
    return "state" in begun ? begun : this.#finish(begun);
  }

  /** Finishes what other processes, or this one, have left unfinished. */
  async resume(): Promise<Resumed> {
    const { jobs } = this.#options;
    let [finished, problem]: [number, string | undefined] = [0, undefined];
    // Others must not wait for one whose holder fails, or whose tenant's key is gone. It stays in the table.
    const note = (error: unknown) => {
      problem ??= error instanceof Error ? error.message : String(error);
    };
    for (const tenantId of await jobs.tenantsWithJobs()) {
      const taken = await jobs.takeOver(tenantId).catch(note);
      for (const open of taken ?? []) {
        try {
          await this.#finish(await open());
          finished += 1;
        } catch (error) {
          note(error);
        }
      }
    }
    return { finished, ...(problem !== undefined && { problem }) };
  }

  async #finish(job: ErasureJob): Promise<ErasureReport> {
    const { jobs, fence, audit } = this.#options;
    // The mark is committed. Whoever has checked a key just before may use it for as long as this.
    const unread = delay(CHECK_GOOD_FOR_MS + MARGIN_MS);
    await allDone("what is held, and the data key", [this.#noteHeld(job), this.#destroyKeys(job)]);
    await allDone("the cache, and the holders", [
      fence(job.tenantId, subjectTag(job.pseudonym)),
      ...this.holders.map((holder) =>
        this.#within(holder.name, holder.erase(job.tenantId, job.subjectId, job.reason)),
      ),
    ]);
    await unread;
    return jobs.finish(job, (client) =>
      audit.append(client, job.tenantId, job.actor, [
        {
          action: "erase",
          entityType: "subject",
          entityId: job.subjectId,
          subjectId: job.subjectId,
          dataClass: "personal",
          detail: { erasure: job.id, reason: job.reason },
        },
      ]),
    );
  }

  /** Before the holders drop anything. */
  async #noteHeld(job: ErasureJob): Promise<void> {
    if (job.isHeldKnown) return;
    const held = await Promise.all(
      this.holders.map((holder) => this.#within(holder.name, holder.holds(job.tenantId, job.subjectId))),
    );
    await this.#options.jobs.noteHeld(job, [...keysHeld(job), ...held.flat()]);
  }

  /** The provider's secret first: it is what cannot be had back from any copy. */
  async #destroyKeys(job: ErasureJob): Promise<void> {
    const { provider, dataKeys, jobs } = this.#options;
    for (const keyId of job.keyIds)
      await this.#within("key provider", provider.destroy({ tenantId: job.tenantId, keyId }));
    dataKeys.drop(job.tenantId, job.keyIds);
    await jobs.removeKeys(job);
  }

  /** What hangs is tried again later, as what fails is. */
  async #within<T>(name: string, work: Promise<T>): Promise<T> {
    const { stepBudgetMs = STEP_BUDGET_MS } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const problem = `"${name}" has not answered within ${stepBudgetMs} ms`;
      timer = setTimeout(() => reject(new Error(problem)), stepBudgetMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const keysHeld = ({ keyIds }: ErasureJob): Holding[] =>
  keyIds.length === 0
    ? []
    : [{ what: "data key", where: "PostgreSQL, subject_keys; key provider", count: keyIds.length }];

/** Waits for all, also where one fails: the others need not be done again. */
async function allDone(what: string, work: readonly Promise<unknown>[]): Promise<void> {
  const failures = (await Promise.allSettled(work)).flatMap((one) =>
    one.status === "rejected" ? [one.reason as unknown] : [],
  );
  if (failures.length === 0) return;
  const [cause] = failures;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new ErasureUnfinished(`${what}: ${why}`, { cause });
}
