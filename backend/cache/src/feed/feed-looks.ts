// Questions of the feed to the database, each bounded: one that is never answered must not take the app's connections.
// Tests: test/faults/feed-drain.test.ts, test/integration/feed-serializable.test.ts
import { DeadlineQueue } from "../engine/deadline-queue.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { type Glimpse, look } from "./feed-queries.js";
import type { LogPosition } from "./log-position.js";

const ANSWERS_WITHIN_MS = 2000;
/** A connection that hangs may hang for long: one more is tried meanwhile. */
const MOST_UNANSWERED = 2;
/** Of databases that have no such functions, or allow them to nobody. */
const REFUSES_POSITIONS = new Set(["0A000", "42501", "42883"]);

export class FeedLooks {
  readonly #options: ParsedFeedOptions;
  readonly #deadlines = new DeadlineQueue(ANSWERS_WITHIN_MS);
  #unanswered = 0;
  #wantsPosition = false;
  /** As the last look has said it. */
  #isSerializable: boolean | undefined;

  constructor(options: ParsedFeedOptions) {
    this.#options = options;
  }

  /** @param last the snapshot since which changes are wanted */
  look(last: string | undefined): Promise<Glimpse> {
    if (this.#unanswered >= MOST_UNANSWERED)
      return Promise.reject(new Error("the database has not answered what it was asked"));
    return this.bounded(this.#look(last));
  }

  /** From now on looks say where the log has got to: some routes read replicas. */
  wantPositions(): void {
    this.#wantsPosition = true;
  }

  /** What is committed by now lies before it; `undefined` where the database does not say. Rejects as it does. */
  async position(): Promise<LogPosition | undefined> {
    return (await this.bounded(this.#look(undefined))).position;
  }

  async #look(last: string | undefined): Promise<Glimpse> {
    try {
      if (last !== undefined && this.#isSerializable === undefined) await this.#ask(undefined);
      return await this.#ask(last);
    } catch (error) {
      const { code } = Object(error) as { readonly code?: string };
      if (!this.#wantsPosition || code === undefined || !REFUSES_POSITIONS.has(code)) throw error;
      // What replicas have read is not stored then; all else goes on.
      this.#wantsPosition = false;
      return this.#ask(last);
    }
  }

  async #ask(last: string | undefined): Promise<Glimpse> {
    const { database, schema } = this.#options;
    const how = { wantsPosition: this.#wantsPosition, isSerializable: this.#isSerializable ?? false };
    const glimpse = await look(database, schema, last, how);
    this.#isSerializable = glimpse.isSerializable ?? false;
    return glimpse;
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
