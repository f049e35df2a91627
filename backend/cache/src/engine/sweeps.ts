// The two sweeps behind invalidations: what indexes list, at once; a walk through all keys, only where something is known to be in none.
// Tests: test/integration/invalidate-cache.test.ts, test/integration/toolkit-values.test.ts
import type { Store, SweepTarget } from "../store/store.js";
import { Sweeper } from "./sweeper.js";

export interface SweepsOptions {
  /** Pause before a sweep, milliseconds, in which invalidations gather. */
  readonly sweepGatherMs: number;
  /** The same before a walk through all keys. */
  readonly walkGatherMs: number;
}

export class Sweeps {
  readonly #indexes: Sweeper | undefined;
  readonly #keyspace: Sweeper | undefined;
  #sweptKeys = 0;

  constructor(store: Store, options: SweepsOptions, isStoreReachable: () => boolean) {
    const { sweepGatherMs, walkGatherMs } = options;
    // Where the store leaves it out, what has been cut off goes when its TTL ends.
    if (!store.sweep) return;
    const sweepIndexes = store.sweep.bind(store);
    if (store.sweepKeyspace) {
      const sweep = store.sweepKeyspace.bind(store);
      this.#keyspace = new Sweeper({
        sweep,
        gatherMs: walkGatherMs,
        retryMs: walkGatherMs,
        isStoreReachable,
        onSwept: (keys) => this.#count(keys),
      });
    }
    this.#indexes = new Sweeper({
      sweep: (targets, isAwaited) =>
        sweepIndexes(targets, isAwaited, (lost) => this.#keyspace?.enqueue(lost)),
      gatherMs: sweepGatherMs,
      isStoreReachable,
      onSwept: (keys, targets) => {
        this.#count(keys);
        // Of a whole tenant nothing is to stay, also what no index has ever listed.
        for (const target of targets) if (target.module === undefined) this.#keyspace?.enqueue(target);
      },
    });
  }

  /** Keys removed since the process began. */
  get sweptKeys(): number {
    return this.#sweptKeys;
  }

  /** Targets that wait for the first of the two. */
  get pending(): number {
    return this.#indexes?.pending ?? 0;
  }

  enqueue(target: SweepTarget): void {
    this.#indexes?.enqueue(target);
  }

  /** Has the entries of a tenant counted anew, by the next walk. */
  enqueueRecount(tenant: string): void {
    this.#keyspace?.enqueue({ tenant, adopt: true });
  }

  async idle(): Promise<void> {
    await this.#indexes?.idle();
    await this.#keyspace?.idle();
  }

  stop(): void {
    this.#indexes?.stop();
    this.#keyspace?.stop();
  }

  #count(keys: number): void {
    this.#sweptKeys += keys;
  }
}
