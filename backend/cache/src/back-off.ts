// How long to wait before the next attempt: twice as long after each that failed.
// Tests: test/unit/outages.test.ts

export class BackOff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #nextMs: number;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#nextMs = firstMs;
  }

  /** Milliseconds; the next answer is twice as long. */
  next(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(2 * delayMs, this.#maxMs);
    return delayMs;
  }

  /**
   * Like {@link next}, but anything down to the half of it: processes that lost the same server do not come
   * back in one moment.
   */
  nextSpread(): number {
    return this.next() * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
