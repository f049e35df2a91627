// Work behind stale answers: one at a time for each entry, and none is waited for longer than a fill.
// Tests: test/integration/endless-refreshes.test.ts, test/integration/toolkit-loads.test.ts, test/integration/stale.test.ts
import { later } from "../later.js";
import { messageOf } from "../thrown.js";
import { clearTimeout } from "../timers.js";

/** Entries beyond these stay stale until a later request finds them so. */
const MAX_UNDER_WAY = 100;

export class Refreshes {
  readonly #waitMs: number;
  readonly #tellFailure: (reason: string) => void;
  readonly #underWay = new Map<string, Promise<void>>();
  #hasFailed = false;
  #isClosed = false;

  /**
   * @param waitMs after so long another one of the same entry may begin: what it waits for may never come
   * @param tellFailure told of the first that fails
   */
  constructor(waitMs: number, tellFailure: (reason: string) => void) {
    this.#waitMs = waitMs;
    this.#tellFailure = tellFailure;
  }

  /** Starts the work unless some for the same entry is under way. */
  start(entryKey: string, work: () => Promise<unknown>): void {
    if (this.#isClosed || this.#underWay.has(entryKey) || this.#underWay.size >= MAX_UNDER_WAY) return;
    const run = this.#untilOverdue(work).finally(() => this.#underWay.delete(entryKey));
    this.#underWay.set(entryKey, run);
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  /** Starts none from now on. Resolves when none is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.idle();
  }

  #untilOverdue(work: () => Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const overdue = later(this.#waitMs, resolve);
      work()
        .catch((error: unknown) => this.#failed(error))
        .finally(() => {
          clearTimeout(overdue);
          resolve();
        });
    });
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#tellFailure(messageOf(error));
  }
}
