// Entries as they would be at each TTL: who asks for one hits it, waits for the run that fills it, or begins one.
// Tests: test/unit/advisor.test.ts
import type { RouteFigures } from "./route-figures.js";
import { NEVER, REFUSED, type SampleColumns, scaledTtl, TTL_FACTORS } from "./sample-columns.js";

/**
 * What a request that does not hit does. `runs`: its handler, whose answer the advisor is told of. `looks`: nothing;
 * the value may be written later. `none`: it did hit, or nobody knows.
 */
export type Asking = "runs" | "looks" | "none";

/** A run that has not answered for so long never will: its client has gone, or its handler hangs. */
const PATIENCE_SECONDS = 30;
/** Where no answer has told, and the route does not say. */
const DEFAULT_TTL_SECONDS = 180;

export class SimulatedEntries {
  readonly #columns: SampleColumns;

  constructor(columns: SampleColumns) {
    this.#columns = columns;
  }

  /** @returns a bit for each TTL at which it hits */
  ask(figures: RouteFigures, place: number, nowSeconds: number, weight: number, asking: Asking): number {
    // As exact as what it is compared with.
    const now = Math.fround(nowSeconds);
    const { filledAt, pending: running, marks, asks: asked, ttl } = this.#columns;
    const asks = asked[place] ?? 1;
    const ttlSeconds = ttl[place] || figures.meanTtlSeconds || DEFAULT_TTL_SECONDS;
    const { staleSeconds, meanMs } = figures;
    const first = place * TTL_FACTORS.length;
    const isRefused = ((marks[place] ?? 0) & REFUSED) !== 0;
    let outcomes = 0;
    let pending = running[place] ?? 0;
    for (let index = 0; index < TTL_FACTORS.length; index++) {
      const bit = 1 << index;
      const factor = TTL_FACTORS[index] ?? 1;
      const freshSeconds = factor === 1 ? ttlSeconds : scaledTtl(ttlSeconds, factor);
      const at = filledAt[first + index] ?? NEVER;
      const isRunning = (pending & bit) !== 0 && now < at + PATIENCE_SECONDS;
      const isThere = (pending & bit) === 0 && at >= 0;
      if (isRunning || (isThere && now < at)) {
        if (!isRefused) figures.collapse(index, weight, asks);
      } else if (isThere && now < at + freshSeconds + staleSeconds) {
        outcomes |= bit;
        figures.hit(index, weight, asks);
        // Refreshed behind the answer, which is as good as at once.
        if (now >= at + freshSeconds) filledAt[first + index] = now;
      } else if (asking === "runs") {
        filledAt[first + index] = now;
        pending |= bit;
      } else if (asking === "none") {
        // No handler runs that would say how long it takes.
        filledAt[first + index] = now + meanMs / 1000;
        pending &= ~bit;
      }
    }
    this.#columns.outcomes[place] = outcomes;
    running[place] = pending;
    return outcomes;
  }

  /** A run has answered: it fills what was begun with it. What an invalidation has cut off meanwhile it does not fill. */
  fill(place: number, startedAt: number, now: number): void {
    const { filledAt, pending: running } = this.#columns;
    const first = place * TTL_FACTORS.length;
    const started = Math.fround(startedAt);
    let pending = running[place] ?? 0;
    for (let index = 0; pending >> index > 0; index++) {
      if (!(pending & (1 << index)) || started < (filledAt[first + index] ?? NEVER)) continue;
      filledAt[first + index] = now;
      pending &= ~(1 << index);
    }
    running[place] = pending;
  }

  /** A value is there, whoever has written it. */
  write(place: number, now: number): void {
    const first = place * TTL_FACTORS.length;
    this.#columns.filledAt.fill(now, first, first + TTL_FACTORS.length);
    this.#columns.pending[place] = 0;
    this.#columns.marks[place] = 0;
  }
}
