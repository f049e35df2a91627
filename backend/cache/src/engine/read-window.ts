// How many entries may be asked for at once: so many that the store is never without work, and no more than it answers in time.
// Tests: test/unit/grouped-reads.test.ts

/** Two full batches: while one is sent to its clients, the store reads the other. */
const LEAST = 64;
const MOST = 1024;
const AT_FIRST = 256;
const GROWS_BY = 8;
const SHRINKS_TO = 0.75;

export class ReadWindow {
  readonly #targetMs: number;
  #entries = AT_FIRST;

  /** @param budgetMs of one read; the window is as large as is answered in half of it */
  constructor(budgetMs: number) {
    this.#targetMs = budgetMs / 2;
  }

  hasRoom(underWay: number, more: number): boolean {
    return underWay + more <= this.#entries;
  }

  /**
   * A read was answered.
   *
   * @param isScarce whether others have waited for room
   */
  took(durationMs: number, isScarce: boolean): void {
    if (durationMs > this.#targetMs) this.#entries = Math.max(LEAST, Math.floor(this.#entries * SHRINKS_TO));
    else if (isScarce) this.#entries = Math.min(MOST, this.#entries + GROWS_BY);
  }
}
