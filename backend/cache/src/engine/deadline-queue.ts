// Deadlines for many operations with the same budget: one timer for all of them, since they expire in the order they began.
// Tests: test/integration/fake-timers.test.ts, test/faults/store-away.test.ts
import { monotonicNow, setImmediate, setTimeout, type Timer } from "../timers.js";

interface Waiting {
  readonly expiresAt: number;
  readonly expire: () => void;
  done: boolean;
}

/** Says that a store operation took longer than its budget. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/**
 * A process whose turns are long has spent the budget itself: its command may still wait to be sent, or its
 * answer to be read. So many more turns are enough for both, and pass at once in a process that has nothing
 * else to do: there the store is slow.
 */
const GRACE_TURNS = 4;

export class DeadlineQueue {
  readonly #budgetMs: number;
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;

  constructor(budgetMs: number) {
    this.#budgetMs = budgetMs;
  }

  /** Settles as `operation` does, or rejects with {@link DeadlineExceeded} after the budget. */
  race<T>(operation: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = {
        expiresAt: monotonicNow() + this.#budgetMs,
        expire: () => reject(new DeadlineExceeded(`no answer within ${this.#budgetMs} ms`)),
        done: false,
      };
      this.#waiting.push(waiting);
      this.#arm();
      operation.then(
        (value) => {
          waiting.done = true;
          resolve(value);
        },
        (error) => {
          waiting.done = true;
          reject(error);
        },
      );
    });
  }

  #arm(): void {
    if (this.#timer || this.#waiting.length === 0) return;
    const [first] = this.#waiting;
    const delayMs = Math.max(0, (first?.expiresAt ?? 0) - monotonicNow());
    this.#timer = setTimeout(() => this.#expireAfter(GRACE_TURNS), delayMs);
    this.#timer.unref();
  }

  #expireAfter(turns: number): void {
    setImmediate(() => {
      if (turns > 1) return this.#expireAfter(turns - 1);
      this.#timer = undefined;
      this.#expire(monotonicNow());
      this.#arm();
    });
  }

  #expire(now: number): void {
    let index = 0;
    for (const waiting of this.#waiting) {
      if (!waiting.done && waiting.expiresAt > now) break;
      if (!waiting.done) waiting.expire();
      index++;
    }
    this.#waiting = this.#waiting.slice(index);
  }
}
