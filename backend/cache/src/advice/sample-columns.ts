// What is known of sampled keys, in columns of numbers: of fixed size, whatever is asked for.
// Tests: test/unit/tenant-sample.test.ts
import { MAX_TTL_SECONDS } from "../ttl-seconds.js";

/** Shares of the TTL that an answer has: an entry is simulated at each of them. */
export const TTL_FACTORS = [1 / 16, 1 / 4, 1 / 2, 1, 2, 4, 16, 64] as const;
/** Which TTL that is: a whole second at least, as whoever writes it would write it. */
export function scaledTtl(ttlSeconds: number, factor: number): number {
  return Math.min(MAX_TTL_SECONDS, Math.max(1, Math.round(ttlSeconds * factor)));
}

/** The place of 1 in {@link TTL_FACTORS}. */
export const PRESENT_TTL = 3;
/** What comes later is counted together. */
export const MAX_ROUTES = 64;
/** Of the fences that an entry depends on, so many are looked at. */
export const MAX_FENCES = 8;
/** When nothing was begun. Times are seconds since the advisor began, in 32 bits: milliseconds within a day. */
export const NEVER = -1;
/** {@link SampleColumns.outcomes} where the last request would have hit at each TTL. */
export const ALL_HIT = 2 ** TTL_FACTORS.length - 1;

/** A fence was replaced behind the entry that is simulated at the present TTL, and nobody has asked since. */
export const CUT_ENTRY = 1;
/** A fence was replaced since the last answer. */
export const CUT_ANSWER = 2;
/** The last answer may not be stored: nobody would wait for the next one. */
export const REFUSED = 4;

export class SampleColumns {
  readonly capacity: number;
  /**
   * When the entry that is simulated is filled, for each TTL; where its bit in {@link pending} is set, when the
   * handler has begun that fills it.
   */
  readonly filledAt: Float32Array;
  /** Seconds; 0 before an answer has told. */
  readonly ttl: Float32Array;
  readonly lastAskedAt: Float32Array;
  /** How often it was asked for. */
  readonly asks: Uint32Array;
  /** {@link CUT_ENTRY}, {@link CUT_ANSWER} and {@link REFUSED}. */
  readonly marks: Uint8Array;
  readonly bytes: Uint32Array;
  /** Hashes; 0 for none. */
  readonly fences: Uint32Array;
  /** What the last answer is known by, and the one before that was another; 0 for none. */
  readonly answer: Uint32Array;
  readonly earlierAnswer: Uint32Array;
  readonly caller: Uint32Array;
  /** A bit for each TTL at which the last request would have hit. */
  readonly outcomes: Uint8Array;
  /** A bit for each TTL whose entry a handler fills that has not answered yet. */
  readonly pending: Uint8Array;
  /** Which route's key it is. */
  readonly route: Uint8Array;
  /** Place in the order of use. */
  readonly position: Uint32Array;
  readonly #free: Uint16Array;
  #freeCount: number;
  /** How many places depend on a fence, by 15 bits of its hash; what has once been at 255 stays there. */
  readonly #dependents = new Uint8Array(2 ** 15);

  /** @param capacity keys, at most 65,536 */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.filledAt = new Float32Array(capacity * TTL_FACTORS.length);
    this.ttl = new Float32Array(capacity);
    this.lastAskedAt = new Float32Array(capacity);
    this.asks = new Uint32Array(capacity);
    this.marks = new Uint8Array(capacity);
    this.bytes = new Uint32Array(capacity);
    this.fences = new Uint32Array(capacity * MAX_FENCES);
    this.answer = new Uint32Array(capacity);
    this.earlierAnswer = new Uint32Array(capacity);
    this.caller = new Uint32Array(capacity);
    this.outcomes = new Uint8Array(capacity);
    this.pending = new Uint8Array(capacity);
    this.route = new Uint8Array(capacity);
    this.position = new Uint32Array(capacity);
    this.#free = Uint16Array.from({ length: capacity }, (_, place) => capacity - 1 - place);
    this.#freeCount = capacity;
  }

  get byteLength(): number {
    const columns = [this.filledAt, this.ttl, this.lastAskedAt, this.asks, this.marks, this.bytes];
    const hashes = [this.fences, this.answer, this.earlierAnswer, this.caller, this.position];
    const all = [
      ...columns,
      ...hashes,
      this.outcomes,
      this.pending,
      this.route,
      this.#free,
      this.#dependents,
    ];
    return all.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** A place for another key; the caller has released one where all were taken. */
  take(): number {
    const place = this.#free[--this.#freeCount] ?? 0;
    const first = place * TTL_FACTORS.length;
    this.filledAt.fill(NEVER, first, first + TTL_FACTORS.length);
    this.ttl[place] = 0;
    this.lastAskedAt[place] = NEVER;
    this.asks[place] = 0;
    this.marks[place] = 0;
    this.bytes[place] = 0;
    this.answer[place] = 0;
    this.earlierAnswer[place] = 0;
    this.caller[place] = 0;
    this.outcomes[place] = 0;
    this.pending[place] = 0;
    return place;
  }

  release(place: number): void {
    this.dependOn(place, []);
    this.#free[this.#freeCount++] = place;
  }

  dependOn(place: number, fences: readonly number[]): void {
    for (let index = 0; index < MAX_FENCES; index++) this.#depend(place, index, fences[index] ?? 0);
  }

  /** False where no place depends on this fence; true where one may. */
  mayDepend(fence: number): boolean {
    return this.#dependents[fence & 0x7fff] !== 0;
  }

  dependsOn(place: number, fence: number): boolean {
    const first = place * MAX_FENCES;
    for (let index = first; index < first + MAX_FENCES; index++)
      if (this.fences[index] === fence) return true;
    return false;
  }

  /** The entries that are simulated at this place are gone. */
  drop(place: number): void {
    const first = place * TTL_FACTORS.length;
    this.filledAt.fill(NEVER, first, first + TTL_FACTORS.length);
    this.outcomes[place] = 0;
    this.pending[place] = 0;
  }

  #depend(place: number, index: number, fence: number): void {
    const at = place * MAX_FENCES + index;
    this.#count(this.fences[at] ?? 0, -1);
    this.fences[at] = fence;
    this.#count(fence, 1);
  }

  #count(fence: number, by: 1 | -1): void {
    const dependents = this.#dependents[fence & 0x7fff] ?? 0;
    if (fence !== 0 && dependents < 255) this.#dependents[fence & 0x7fff] = dependents + by;
  }
}
