// Reclaims memory behind invalidations: all pending targets in one sweep, one sweep at a time.
// Tests: test/integration/redis-sweep.test.ts
import type { SweepTarget } from "../store/store.js";
import { clearTimeout, delay, monotonicNow, setTimeout, type Timer } from "../timers.js";

export interface SweeperOptions {
  /** Resolves with the number of keys removed; with `undefined` where another process is sweeping, or has just done so. */
  readonly sweep: (targets: readonly SweepTarget[], isAwaited: () => boolean) => Promise<number | undefined>;
  /** Pause before a sweep, milliseconds, in which invalidations gather. */
  readonly gatherMs: number;
  /** How soon it is tried again where another process sweeps, milliseconds. Default 1000. */
  readonly retryMs?: number;
  /** Sweeps only while the store is reachable. */
  readonly isStoreReachable: () => boolean;
  readonly onSwept: (keys: number, targets: readonly SweepTarget[]) => void;
}

/** Targets that wait; what comes beyond these is left to its TTL. */
const MAX_PENDING = 10_000;
/** One sweep has so many: the next is another process's turn, if that has any. */
const MAX_TOGETHER = 500;
/** How soon a sweep is tried again while another process sweeps, and the same where somebody waits for it. */
const RETRY_MS = 1000;
const AWAITED_RETRY_MS = 25;

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #pending = new Map<string, SweepTarget>();
  #timer: Timer | undefined;
  #underWay: Promise<void> | undefined;
  #waiting = 0;
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** @param pauseMs applies where none is waiting yet */
  enqueue(target: SweepTarget, pauseMs = this.#options.gatherMs): void {
    if (this.#stopped) return;
    const name = `${target.tenant}:${target.module ?? ""}:${target.adopt ?? false}`;
    if (this.#pending.size >= MAX_PENDING && !this.#pending.has(name)) return;
    this.#pending.set(name, target);
    this.#schedule(pauseMs);
  }

  /** Resolves when nothing is pending and no sweep is under way. */
  async idle(): Promise<void> {
    this.#waiting++;
    try {
      while (this.#underWay || this.#pending.size > 0) {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        await (this.#underWay ?? this.#start());
        if (this.#pending.size > 0) await delay(AWAITED_RETRY_MS);
      }
    } finally {
      this.#waiting--;
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#pending.clear();
  }

  #schedule(pauseMs = this.#options.gatherMs): void {
    if (this.#timer || this.#underWay) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#start();
    }, pauseMs);
    this.#timer.unref();
  }

  #start(): Promise<void> {
    const { retryMs = RETRY_MS, gatherMs } = this.#options;
    const begun = [...this.#pending].slice(0, MAX_TOGETHER);
    for (const [name] of begun) this.#pending.delete(name);
    const targets = begun.map(([, target]) => target);
    const beganAtMs = monotonicNow();
    this.#underWay = this.#sweep(targets).then((swept) => {
      this.#underWay = undefined;
      if (!swept) for (const target of targets) this.enqueue(target, retryMs);
      // Whoever has swept for long tries again as seldom as those whom it kept waiting: else none of them had a turn.
      const wasLong = monotonicNow() - beganAtMs > RETRY_MS;
      if (this.#pending.size > 0) this.#schedule(wasLong ? retryMs : gatherMs);
    });
    return this.#underWay;
  }

  /**
   * False where it must be tried again. What a sweep does not reach expires by its TTL, so a failed one is
   * not repeated.
   */
  async #sweep(targets: readonly SweepTarget[]): Promise<boolean> {
    if (targets.length === 0 || !this.#options.isStoreReachable()) return true;
    try {
      const removed = await this.#options.sweep(targets, () => this.#waiting > 0);
      if (removed === undefined) return false;
      this.#options.onSwept(removed, targets);
    } catch {
      // The store went away: its gate reports that, and TTLs reclaim what is left.
    }
    return true;
  }
}
