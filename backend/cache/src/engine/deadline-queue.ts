// Deadlines for many operations with the same budget: one timer for all of them, since they expire in the order they began.
// Tests: test/unit/deadline-queue.test.ts, test/integration/fake-timers.test.ts, test/faults/store-away.test.ts
import { idleMs, monotonicNow, setImmediate, setTimeout, type Timer } from "../timers.js";

interface Waiting {
  readonly sentAtMs: number;
  /** What {@link idleMs} said when it was sent. */
  readonly idleBeforeMs: number;
  readonly expire: () => void;
  /** When it is looked at, on the clock of {@link monotonicNow}. */
  lookAtMs: number;
  done: boolean;
}

/** Says that a store operation took longer than its budget. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/** What tells an overload of this process from a store that is slow or hangs. */
export interface OverloadTerms {
  /** When the store has answered anything for the last time, on the clock of {@link monotonicNow}. */
  answeredAtMs(): number;
  /** A store that has answered nobody for so long hangs, milliseconds. */
  readonly silentMs: number;
  /** The longest that an operation waits beyond its budget, milliseconds. */
  readonly graceMs: number;
}

/**
 * A process whose turns are long has spent the budget itself: its command may still wait to be sent, or its
 * answer to be read. So many more turns are enough for both, and pass at once in a process that has nothing
 * else to do: there the store is slow.
 */
const GRACE_TURNS = 4;
/** What waits in an overload is looked at so often in the time of a budget. */
const LOOKS = 10;

const NO_OVERLOAD: OverloadTerms = { answeredAtMs: () => 0, silentMs: 0, graceMs: 0 };

export class DeadlineQueue {
  readonly #budgetMs: number;
  readonly #overload: OverloadTerms;
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;

  /** @param overload default: a budget that is over is over */
  constructor(budgetMs: number, overload = NO_OVERLOAD) {
    this.#budgetMs = budgetMs;
    this.#overload = overload;
  }

  /**
   * Settles as `operation` does, or rejects with {@link DeadlineExceeded} after the budget. In an overload of
   * this process it goes on waiting, because the answer does, too.
   */
  race<T>(operation: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const sentAtMs = monotonicNow();
      const waiting: Waiting = {
        sentAtMs,
        idleBeforeMs: idleMs(),
        lookAtMs: sentAtMs + this.#budgetMs,
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
    const delayMs = Math.max(0, (first?.lookAtMs ?? 0) - monotonicNow());
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

  #expire(nowMs: number): void {
    const overloaded: Waiting[] = [];
    let index = 0;
    for (const waiting of this.#waiting) {
      if (!waiting.done && waiting.lookAtMs > nowMs) break;
      index++;
      if (waiting.done) continue;
      if (!this.#isOverload(waiting, nowMs)) waiting.expire();
      else {
        waiting.lookAtMs = nowMs + this.#budgetMs / LOOKS;
        overloaded.push(waiting);
      }
    }
    // Those behind them are looked at a tenth of a budget too late at most.
    this.#waiting = [...overloaded, ...this.#waiting.slice(index)];
  }

  /**
   * This process was not idle for as long as the budget: it has not waited for the store, but the answer for
   * it. Where it always has other work, only silence shows that the store hangs.
   */
  #isOverload({ sentAtMs, idleBeforeMs }: Waiting, nowMs: number): boolean {
    const { silentMs, graceMs } = this.#overload;
    if (nowMs - sentAtMs >= this.#budgetMs + graceMs) return false;
    const heardAtMs = Math.max(sentAtMs, this.#overload.answeredAtMs());
    return idleMs() - idleBeforeMs < this.#budgetMs && nowMs - heardAtMs < silentMs;
  }
}
