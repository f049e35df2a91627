// Reclaims memory behind invalidations: all pending targets in one walk, one walk at a time.
import type { Store, SweepTarget } from "../store/store.js";

export interface SweeperOptions {
  /** Pause before a walk, milliseconds, in which invalidations gather. */
  readonly gatherMs: number;
  /** Runs a walk only while the store is reachable. */
  readonly isStoreReachable: () => boolean;
  readonly onRemoved: (keys: number) => void;
}

export class Sweeper {
  readonly #store: Store;
  readonly #options: SweeperOptions;
  readonly #pending = new Map<string, SweepTarget>();
  #timer: NodeJS.Timeout | undefined;
  #walk: Promise<void> | undefined;
  #stopped = false;

  constructor(store: Store, options: SweeperOptions) {
    this.#store = store;
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** What the sweep does not reach expires by its TTL, so a failed walk is not repeated. */
  enqueue(target: SweepTarget): void {
    if (this.#stopped) return;
    this.#pending.set(`${target.tenant}:${target.module ?? ""}`, target);
    this.#schedule();
  }

  /** Resolves when nothing is pending and no walk is under way. */
  async idle(): Promise<void> {
    while (this.#walk || this.#pending.size > 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      await (this.#walk ?? this.#start());
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#pending.clear();
  }

  #schedule(): void {
    if (this.#timer || this.#walk) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#start();
    }, this.#options.gatherMs);
    this.#timer.unref();
  }

  #start(): Promise<void> {
    const targets = [...this.#pending.values()];
    this.#pending.clear();
    this.#walk = this.#sweep(targets).finally(() => {
      this.#walk = undefined;
      if (this.#pending.size > 0 && !this.#stopped) this.#schedule();
    });
    return this.#walk;
  }

  async #sweep(targets: readonly SweepTarget[]): Promise<void> {
    if (targets.length === 0 || !this.#options.isStoreReachable()) return;
    try {
      this.#options.onRemoved(await this.#store.sweep(targets));
    } catch {
      // The store went away: its gate reports that, and TTLs reclaim what is left.
    }
  }
}
