// How long hits, misses, stores and invalidations take, in buckets; measured only once somebody wants to know.
// Tests: test/unit/latencies.test.ts, test/integration/metrics.test.ts
import { monotonicNow } from "../timers.js";

/** Upper bounds of the buckets, seconds; one more takes what is above the last. */
export const BUCKET_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;
const BOUNDS = Int32Array.from(BUCKET_SECONDS, (seconds) => Math.round(seconds * 1e6));

/**
 * - `hit`: from the request to its answer in the socket
 * - `miss`: from the request until its answer has been sent
 * - `store`: from an encoded entry until the store has taken it
 * - `invalidation`: until the store has confirmed, or the budget is over
 * - `roundTrip`: of anything that the store has answered
 */
export type Timed = "hit" | "miss" | "store" | "invalidation" | "roundTrip";
export const TIMED: readonly Timed[] = ["hit", "miss", "store", "invalidation", "roundTrip"];

export interface LatencyFigures {
  /** As many as {@link BUCKET_SECONDS}, and one more; not cumulative. */
  readonly buckets: ArrayLike<number>;
  readonly count: number;
  readonly sumSeconds: number;
}

/** A moment, in whole microseconds modulo 2^32; 0 for none. V8 keeps such a number without an allocation. */
export type Moment = number;

/** Numbers in typed arrays: one in a field that is no whole number would be allocated anew each time. */
class Latency {
  readonly #buckets = new Float64Array(BOUNDS.length + 1);
  readonly #sum = new Float64Array(1);

  add(micros: number): void {
    let index = 0;
    while (index < BOUNDS.length && micros > (BOUNDS[index] as number)) index++;
    // Both arrays have an element there.
    (this.#buckets[index] as number)++;
    (this.#sum[0] as number) += micros;
  }

  get figures(): LatencyFigures {
    const count = this.#buckets.reduce((sum, bucket) => sum + bucket, 0);
    return { buckets: this.#buckets, count, sumSeconds: (this.#sum[0] ?? 0) / 1e6 };
  }
}

export class Latencies {
  readonly #of: Readonly<Record<Timed, Latency>> = {
    hit: new Latency(),
    miss: new Latency(),
    store: new Latency(),
    invalidation: new Latency(),
    roundTrip: new Latency(),
  };
  #isOn = false;
  /** Told of each; absent where nobody records them by himself. */
  #listener: ((what: Timed, seconds: number) => void) | undefined;

  /** From now on durations are measured. */
  switchOn(listener?: (what: Timed, seconds: number) => void): void {
    this.#isOn = true;
    this.#listener ??= listener;
  }

  /** Now; 0 where nothing is measured. */
  begin(): Moment {
    return this.#isOn ? nowMicros() || 1 : 0;
  }

  /** What began then ends now. */
  end(what: Timed, begun: Moment): void {
    if (begun === 0) return;
    const micros = microsSince(begun);
    this.#of[what].add(micros);
    this.#listener?.(what, micros / 1e6);
  }

  /** For whoever has read the clock already. */
  took(what: Timed, ms: number): void {
    if (!this.#isOn) return;
    this.#of[what].add(ms * 1000);
    this.#listener?.(what, ms / 1000);
  }

  figures(what: Timed): LatencyFigures {
    return this.#of[what].figures;
  }
}

/** Right across the wrap, for half an hour. */
export function microsSince(begun: Moment): number {
  return (nowMicros() - begun) | 0;
}

function nowMicros(): Moment {
  return (monotonicNow() * 1000) | 0;
}
