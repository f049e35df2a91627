// How long the handlers of a route take: whether it is worth waiting for one that is under way.

/**
 * Class 0 took longer than the limit, class 1 more than half of it, class 2 more than a quarter, and so on;
 * the last has all that is less.
 */
const CLASSES = 12;
/** After so many runs the old ones count half. */
const HALVED_AFTER = 64;
/** So many runs took longer than the limit before one that takes longer than most is given up early. */
const MIN_OVERDUE = 3;

/**
 * Counts how long handlers took. The runs of a route may be of two kinds (a small report and a large one), so
 * a mean says little: what counts is how many of those that were not done by a certain time were done within
 * the limit.
 */
export class HandlerDurations {
  readonly #limitMs: number;
  readonly #counts: number[] = Array.from({ length: CLASSES }, () => 0);
  #runs = 0;

  /** @param limitMs how long anybody waits for a handler at most */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  add(durationMs: number): void {
    const halvings = Math.floor(Math.log2(this.#limitMs / Math.max(durationMs, 1e-3))) + 1;
    const index = Math.min(Math.max(halvings, 0), CLASSES - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    if (++this.#runs % HALVED_AFTER > 0) return;
    for (let which = 0; which < CLASSES; which++) this.#counts[which] = (this.#counts[which] ?? 0) / 2;
  }

  /**
   * For how long after its handler has begun a fill is worth waiting for, milliseconds: the limit, as long as
   * nothing speaks against it; 0 where most handlers took longer; else, where some did, the time after which
   * most of those that were still at work did.
   */
  patienceMs(): number {
    const [overdue = 0, ...inTime] = this.#counts;
    let left = inTime.reduce((sum, count) => sum + count, 0);
    if (overdue > left) return 0;
    if (overdue < MIN_OVERDUE) return this.#limitMs;
    // From the shortest to the longest.
    for (let halvings = inTime.length - 1; halvings > 0; halvings--) {
      left -= inTime[halvings] ?? 0;
      if (overdue > left) return this.#limitMs / 2 ** halvings;
    }
    return this.#limitMs;
  }
}
