// Loads behind answers: one at a time for each entry.
// Tests: test/integration/toolkit-loads.test.ts
import type { Logger } from "../logger.js";
import { messageOf } from "../thrown.js";

/** Entries beyond these stay stale until a later call finds them so. */
const MAX_UNDER_WAY = 100;

export class Refreshes {
  readonly #logger: Logger;
  readonly #underWay = new Map<string, Promise<void>>();
  #hasFailed = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Starts the work unless some for the same entry is under way; what it throws is said once. */
  start(entryKey: string, work: () => Promise<unknown>): void {
    if (this.#underWay.has(entryKey) || this.#underWay.size >= MAX_UNDER_WAY) return;
    const run = work()
      .then(
        () => undefined,
        (error: unknown) => this.#failed(error),
      )
      .finally(() => this.#underWay.delete(entryKey));
    this.#underWay.set(entryKey, run);
  }

  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const reason = messageOf(error);
    this.#logger.error(
      `express-tenant-cache: a background load failed (${reason}); the value stays stale until it expires`,
    );
  }
}
