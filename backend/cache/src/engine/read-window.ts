// How many entries may be asked for at once: so many that the store is never without work, and no more than it answers in time.
// Tests: test/unit/read-window.test.ts, test/unit/grouped-reads.test.ts

/** Two full batches: while one is sent to its clients, the store reads the other. */
const LEAST = 64;
const MOST = 1024;
const AT_FIRST = 128;
const STEP = 8;
const SHRINKS_TO = 0.75;
/** Of the time of a read. Above: all wait for the store, or for the way to it. */
const IDLE_SHARE = 0.1;
/** Below: all wait for this process. What it has asked for lies in buffers, and is too much for the CPUs' caches on either side. */
const BUSY_SHARE = 0.02;
/** A read that takes so many times as long as the quickest one waits for others in the store: more of them would only wait longer. */
const QUEUED_TIMES = 2;
/** The quickest of so many reads, or of the last so many: a connection may lead farther from one day to the next. */
const REMEMBERED_READS = 1024;

/** What a read was like. */
export interface ReadTaken {
  readonly durationMs: number;
  /** For how long this process had nothing to do meanwhile. */
  readonly idleMs: number;
  /** Whether others have waited for room. */
  readonly isScarce: boolean;
}

export class ReadWindow {
  readonly #targetMs: number;
  #entries = AT_FIRST;
  #quickestMs = Number.POSITIVE_INFINITY;
  #quickestOfLastMs = Number.POSITIVE_INFINITY;
  #reads = 0;

  /** @param budgetMs of one read; the window is at most as large as is answered in half of it */
  constructor(budgetMs: number) {
    this.#targetMs = budgetMs / 2;
  }

  /** Entries that may be under way at once. */
  get entries(): number {
    return this.#entries;
  }

  hasRoom(underWay: number, more: number): boolean {
    return underWay + more <= this.#entries;
  }

  /** A read was answered. */
  took({ durationMs, idleMs, isScarce }: ReadTaken): void {
    this.#remember(durationMs);
    const isQueued = durationMs > QUEUED_TIMES * Math.min(this.#quickestMs, this.#quickestOfLastMs);
    if (durationMs > this.#targetMs) this.#become(Math.floor(this.#entries * SHRINKS_TO));
    else if (!isScarce) return;
    else if (idleMs > durationMs * IDLE_SHARE && !isQueued) this.#become(this.#entries + STEP);
    else if (idleMs < durationMs * BUSY_SHARE) this.#become(this.#entries - STEP);
  }

  #remember(durationMs: number): void {
    if (this.#reads++ % REMEMBERED_READS === 0) {
      this.#quickestOfLastMs = this.#quickestMs;
      this.#quickestMs = durationMs;
    } else if (durationMs < this.#quickestMs) this.#quickestMs = durationMs;
  }

  #become(entries: number): void {
    this.#entries = Math.min(MOST, Math.max(LEAST, entries));
  }
}
