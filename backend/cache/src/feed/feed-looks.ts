// Questions of the feed to the database, each bounded: one that is never answered must not take the app's connections.
// Tests: test/faults/feed-drain.test.ts
import { DeadlineQueue } from "../engine/deadline-queue.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { type Glimpse, look } from "./feed-queries.js";

const ANSWERS_WITHIN_MS = 2000;
/** A connection that hangs may hang for long: one more is tried meanwhile. */
const MOST_UNANSWERED = 2;

export class FeedLooks {
  readonly #options: ParsedFeedOptions;
  readonly #deadlines = new DeadlineQueue(ANSWERS_WITHIN_MS);
  #unanswered = 0;

  constructor(options: ParsedFeedOptions) {
    this.#options = options;
  }

  /** @param last the snapshot since which changes are wanted */
  look(last: string | undefined): Promise<Glimpse> {
    if (this.#unanswered >= MOST_UNANSWERED)
      return Promise.reject(new Error("the database has not answered what it was asked"));
    const { database, schema } = this.#options;
    return this.bounded(look(database, schema, last));
  }

  /** Rejects where it takes too long; it may still take effect. */
  bounded<T>(work: Promise<T>): Promise<T> {
    this.#unanswered++;
    const answered = () => {
      this.#unanswered--;
    };
    work.then(answered, answered);
    return this.#deadlines.race(work);
  }
}
