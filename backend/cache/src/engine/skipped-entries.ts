// Entries that nobody waits for, because what their handlers answered could not be stored: each for a while.
// Tests: test/unit/fills.test.ts
import { BoundedMap } from "../bounded-map.js";
import { monotonicNow } from "../timers.js";
import type { EntryRef } from "./entry-ref.js";

const MAX_CHARACTERS = 2 * 1024 * 1024;

export class SkippedEntries {
  /** Until when, on the clock of {@link monotonicNow}; by entry key. */
  readonly #untilMs = new BoundedMap<number>({ maxCharacters: MAX_CHARACTERS });
  readonly #skipMs: number;

  /** @param skipMs for how long */
  constructor(skipMs: number) {
    this.#skipMs = skipMs;
  }

  add({ entryKey }: EntryRef): void {
    this.#untilMs.set(entryKey, monotonicNow() + this.#skipMs);
  }

  /** The entry could be stored: it is worth waiting for again. */
  delete({ entryKey }: EntryRef): void {
    this.#untilMs.delete(entryKey);
  }

  has({ entryKey }: EntryRef): boolean {
    const untilMs = this.#untilMs.get(entryKey);
    return untilMs !== undefined && monotonicNow() < untilMs;
  }
}
