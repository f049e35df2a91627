// Invalidations that could not be written: kept in order and without repeats, until they are replayed.

/** A batch to replay: either the fences to replace, or "all of them" where too many had piled up. */
export type RecoveryBatch =
  | { readonly tenantFenceKey: string; readonly fenceKeys: readonly string[] }
  | "everything";

/**
 * Bounded: a tenant's fences collapse into the tenant's own when the queue is full, and when even those are
 * too many all fences are forgotten. Each step invalidates more than was asked for, never less.
 */
export class RecoveryQueue {
  readonly #maxFences: number;
  /** Fence keys, each with the tenant's fence that covers it; insertion order is replay order. */
  readonly #pending = new Map<string, string>();
  #everything = false;
  /** Taken out, and neither confirmed nor put back yet. */
  #underWay = 0;
  #replayed = 0;

  constructor(maxFences: number) {
    this.#maxFences = maxFences;
  }

  /** Fences that wait, those that are being replayed among them. */
  get size(): number {
    return this.#everything ? this.#maxFences : this.#pending.size + this.#underWay;
  }

  get isEmpty(): boolean {
    return !this.#everything && this.#pending.size === 0;
  }

  /** Invalidations replayed since the process began. */
  get replayed(): number {
    return this.#replayed;
  }

  add(tenantFenceKey: string, fenceKeys: readonly string[]): void {
    if (this.#everything) return;
    for (const key of fenceKeys) this.#pending.set(key, tenantFenceKey);
    if (this.#pending.size <= this.#maxFences) return;
    const tenants = new Set(this.#pending.values());
    this.#pending.clear();
    if (tenants.size > this.#maxFences) this.#everything = true;
    else for (const key of tenants) this.#pending.set(key, key);
  }

  /** All fences are to be forgotten. */
  addEverything(): void {
    this.#pending.clear();
    this.#everything = true;
  }

  /**
   * Takes out the next invalidations to replay: at most `maxFences`, all of one tenant (one Cluster slot);
   * `undefined` when empty. Taken before they are written, so that a mutation which ends meanwhile is queued
   * anew, not forgotten.
   */
  take(maxFences = 100): RecoveryBatch | undefined {
    if (this.#everything) {
      this.#everything = false;
      this.#underWay += 1;
      return "everything";
    }
    const [tenantFenceKey] = this.#pending.values();
    if (tenantFenceKey === undefined) return undefined;
    const fenceKeys: string[] = [];
    for (const [key, coveredBy] of this.#pending) {
      if (coveredBy === tenantFenceKey) fenceKeys.push(key);
      if (fenceKeys.length === maxFences) break;
    }
    for (const key of fenceKeys) this.#pending.delete(key);
    this.#underWay += fenceKeys.length;
    return { tenantFenceKey, fenceKeys };
  }

  /** Counts a batch that the store has confirmed. */
  confirm(batch: RecoveryBatch): void {
    this.#replayed += fencesOf(batch);
    this.#underWay -= fencesOf(batch);
  }

  /** Forgets a batch that waits elsewhere from now on. */
  handOver(batch: RecoveryBatch): void {
    this.#underWay -= fencesOf(batch);
  }

  /** Puts a batch back that could not be replayed. */
  restore(batch: RecoveryBatch): void {
    this.#underWay -= fencesOf(batch);
    if (batch === "everything") this.#everything = true;
    else this.add(batch.tenantFenceKey, batch.fenceKeys);
  }
}

function fencesOf(batch: RecoveryBatch): number {
  return batch === "everything" ? 1 : batch.fenceKeys.length;
}
