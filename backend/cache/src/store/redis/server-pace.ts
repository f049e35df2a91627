// How fast background work goes: the slower the server answers, the longer it rests.
// Tests: test/integration/redis-sweep.test.ts
import { delay, monotonicNow } from "../../timers.js";

export interface Pace {
  /** The server rests this many times as long as it took to answer. */
  readonly restFactor: number;
  /** The longest rest, milliseconds: on a busy server the work still ends. */
  readonly maxRestMs: number;
}

/** Work that somebody waits for: a third of the server's time. */
export const BRISK: Pace = { restFactor: 2, maxRestMs: 1000 };
/**
 * Work that nobody waits for: so little of the server's time that the 99th percentile of the others' requests
 * does not meet it.
 */
export const UNNOTICED: Pace = { restFactor: 100, maxRestMs: 50 };

/**
 * A walk through all keys: rare, and in no hurry. Below one part in a hundred also where a step takes ten milliseconds,
 * because server or process are busy: with a shorter longest rest each of their pauses would cost the 99th percentile.
 */
export const LEISURELY: Pace = { restFactor: 200, maxRestMs: 1000 };
/**
 * The same as {@link UNNOTICED} while more waits than {@link UNNOTICED} would work off: a twentieth of the server's time, in steps that are
 * still small.
 */
export const HURRIED: Pace = { restFactor: 20, maxRestMs: 20 };

/** Runs steps one after the other, each after the rest that the one before has earned the server. */
export class PacedSteps {
  readonly #pace: () => Pace;
  readonly #signal: AbortSignal | undefined;
  #restMs = 0;

  /**
   * @param pace asked after each step: somebody may have begun to wait
   * @param signal ends the work: the next step rejects
   */
  constructor(pace: () => Pace, signal?: AbortSignal) {
    this.#pace = pace;
    this.#signal = signal;
  }

  async run<T>(step: () => Promise<T>): Promise<T> {
    const signal = this.#signal;
    if (this.#restMs > 0) await delay(this.#restMs, undefined, { ref: false, ...(signal && { signal }) });
    signal?.throwIfAborted();
    const startedAtMs = monotonicNow();
    try {
      return await step();
    } finally {
      const { restFactor, maxRestMs } = this.#pace();
      this.#restMs = Math.min(maxRestMs, restFactor * (monotonicNow() - startedAtMs));
    }
  }
}
