// How many handlers run at once for requests that no entry answers; the rest wait in the order in which they came.
// Tests: test/unit/run-limit.test.ts, test/faults/store-away-shared.test.ts
import { later } from "../later.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";

export interface RunLimitOptions {
  readonly maxConcurrent: number;
  /** The most that wait. */
  readonly maxWaiting: number;
}

interface Waiter {
  readonly grant: (isGranted: boolean) => void;
  readonly timer: Timer;
}

/** A wait for a place. */
export interface PlaceWait {
  /** Resolves with false where none has become free in time, or whoever waited has left. Never rejects. */
  readonly granted: Promise<boolean>;
  /** Nobody wants the place any more: others may wait instead. */
  readonly leave: () => void;
}

export class RunLimit {
  /** Who has got a place, or has waited for one in vain: neither waits for a second. */
  readonly admitted = new WeakSet<object>();
  readonly #options: RunLimitOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiter>();
  #running = 0;

  constructor(options: RunLimitOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Takes a place, at once where one is free. Whoever gets true {@link release releases} it, once.
   *
   * @param giveUpAtMs on the clock of {@link monotonicNow}
   * @returns false where its time is over, or too many wait already
   */
  take(giveUpAtMs: number): boolean | PlaceWait {
    if (this.#running < this.#options.maxConcurrent) {
      this.#running++;
      return true;
    }
    const waitMs = giveUpAtMs - monotonicNow();
    if (waitMs <= 0 || this.#waiting.size >= this.#options.maxWaiting) return false;
    let leave = (): void => undefined;
    const granted = new Promise<boolean>((grant) => {
      const giveUp = () => {
        this.#waiting.delete(waiter);
        grant(false);
      };
      const waiter = { grant, timer: later(waitMs, giveUp) };
      this.#waiting.add(waiter);
      leave = () => {
        clearTimeout(waiter.timer);
        giveUp();
      };
    });
    return { granted, leave };
  }

  /** The place goes to whoever has waited longest. */
  release(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    clearTimeout(next.timer);
    next.grant(true);
  }
}
