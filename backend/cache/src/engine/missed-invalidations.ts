// Invalidations that could not be written: those of the whole store, and those of single groups of keys, until they have been replayed.
// Tests: test/faults/store-away.test.ts
import { tenantId } from "../identifiers.js";
import type { Logger } from "../logger.js";
import type { CauseNote } from "../store/cause-log.js";
import type { KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import { GroupUnavailable } from "../store/store-errors.js";
import { monotonicNow } from "../timers.js";
import { causeNote } from "./cause-text.js";
import { DoubtfulGroups } from "./doubtful-groups.js";
import { type RecoveryBatch, RecoveryQueue } from "./recovery-queue.js";

/** A walk through all keys takes longer than any other operation; a walk that hangs is begun anew. */
const FORGET_ALL_WITHIN_MS = 60_000;
/** More tenants are not told why their fences were forgotten: each is a command. */
const MAX_TENANTS_TOLD = 10_000;
/** Other commands come between. */
const TOLD_AT_A_TIME = 50;

export interface MissedOptions {
  readonly maxPendingInvalidations: number;
  readonly fenceTtlMs: number;
  readonly maxCausesPerTenant?: number;
}

type Bound = <T>(work: Promise<T>, expiresAtMs?: number) => Promise<T>;

export class MissedInvalidations {
  readonly queue: RecoveryQueue;
  readonly groups: DoubtfulGroups;
  readonly #store: Store;
  readonly #keys: KeySpace;
  readonly #options: MissedOptions;
  readonly #bound: Bound;

  /** @param bound has what takes too long reject */
  constructor(store: Store, keys: KeySpace, options: MissedOptions, bound: Bound, logger: Logger) {
    this.#store = store;
    this.#keys = keys;
    this.#options = options;
    this.#bound = bound;
    this.queue = new RecoveryQueue(options.maxPendingInvalidations);
    const write = (batch: RecoveryBatch) => this.#write(batch);
    this.groups = new DoubtfulGroups(store, options.maxPendingInvalidations, write, logger);
  }

  get pending(): number {
    return this.queue.size + this.groups.pending;
  }

  /** Since the process began. */
  get replayed(): number {
    return this.queue.replayed + this.groups.replayed;
  }

  /** @returns whether the whole store is in doubt, and not only the group of these keys */
  add(tenant: string, fenceKeys: readonly string[], error: unknown): boolean {
    const tenantFenceKey = this.#keys.fence(tenant);
    if (error instanceof GroupUnavailable) this.groups.add(error, tenantFenceKey, fenceKeys);
    else this.queue.add(tenantFenceKey, fenceKeys);
    return !(error instanceof GroupUnavailable);
  }

  /**
   * Writes all that waits for the whole store. Resolves with how many invalidations those were; rejects where
   * it could not.
   */
  async replay(): Promise<number> {
    const before = this.queue.replayed;
    for (let batch = this.queue.take(); batch; batch = this.queue.take()) {
      try {
        await this.#write(batch);
      } catch (error) {
        if (error instanceof GroupUnavailable && batch !== "everything") {
          this.queue.handOver(batch);
          this.groups.add(error, batch.tenantFenceKey, batch.fenceKeys);
          continue;
        }
        this.queue.restore(batch);
        throw error;
      }
      this.queue.confirm(batch);
    }
    return this.queue.replayed - before;
  }

  /** The queue has merged them: whose each was is not known any more. */
  #noteOf({ tenantFenceKey, fenceKeys }: Exclude<RecoveryBatch, "everything">): CauseNote | undefined {
    const tenant = this.#keys.parseFence(tenantFenceKey)?.tenant;
    const max = this.#options.maxCausesPerTenant ?? 0;
    if (tenant === undefined || max === 0) return undefined;
    const parts = fenceKeys.map((key) => this.#keys.partOfFence(tenant, key));
    const namesOf = (of: "module" | "tag") => parts.flatMap((part) => (part?.of === of ? [part.name] : []));
    return causeNote(
      this.#keys.causes(tenant),
      { kind: "recovery" },
      {
        modules: namesOf("module"),
        tags: namesOf("tag"),
        everything: parts.some((part) => part?.of === "tenant"),
      },
      max,
    );
  }

  /** Those whose fences are about to be forgotten, as far as that can be known. Never rejects. */
  async #tenantsToTell(): Promise<readonly string[]> {
    const { listFences } = this.#store;
    const tenants = new Set<string>();
    if (!listFences || !this.#options.maxCausesPerTenant) return [];
    try {
      for await (const page of listFences.call(this.#store, this.#keys.allFences(), "")) {
        for (const key of page) {
          const tenant = this.#keys.tenantOfFence(key);
          if (tenant !== undefined && tenantId(tenant) === tenant) tenants.add(tenant);
        }
        if (tenants.size >= MAX_TENANTS_TOLD) break;
      }
    } catch {
      // A user may not list keys: the fences are forgotten all the same.
    }
    return [...tenants];
  }

  /** Forgotten fences say nothing of why. A new one of each tenant does. Never rejects. */
  async #tell(tenants: readonly string[]): Promise<void> {
    for (let from = 0; from < tenants.length; from += TOLD_AT_A_TIME) {
      const written = tenants.slice(from, from + TOLD_AT_A_TIME).map((tenant) => {
        const key = this.#keys.fence(tenant);
        const note = this.#noteOf({ tenantFenceKey: key, fenceKeys: [key] });
        return this.#store.replaceFences([key], this.#options.fenceTtlMs, note);
      });
      await Promise.allSettled(written);
    }
  }

  async #write(batch: RecoveryBatch): Promise<void> {
    if (batch === "everything") {
      const expiresAtMs = monotonicNow() + FORGET_ALL_WITHIN_MS;
      const tenants = await this.#bound(this.#tenantsToTell(), expiresAtMs);
      await this.#bound(this.#store.forgetAllFences(), expiresAtMs);
      // What is done is done, whether or not it can be told.
      await this.#bound(this.#tell(tenants), expiresAtMs).catch(() => undefined);
    } else
      await this.#bound(
        this.#store.replaceFences(batch.fenceKeys, this.#options.fenceTtlMs, this.#noteOf(batch)),
      );
    await this.#store.untilForgotten?.();
  }
}
