// Questions of the feed to the database, each bounded: one that is never answered must not keep the others from being asked.
// Tests: test/faults/feed-drain.test.ts, test/integration/feed-serializable.test.ts, test/integration/feed-api-writes.test.ts
import { DeadlineQueue } from "../engine/deadline-queue.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { type Glimpse, look } from "./feed-queries.js";

const ANSWERS_WITHIN_MS = 2000;
/** A connection that hangs may hang for long: one more is tried meanwhile. */
const MOST_UNANSWERED = 2;
/** Of databases that have no such functions, or allow them to nobody. */
const REFUSES_POSITIONS = new Set(["0A000", "42501", "42883"]);

export class FeedLooks {
  readonly #options: ParsedFeedOptions;
  readonly #deadlines = new DeadlineQueue(ANSWERS_WITHIN_MS);
  /** Of the drain's own, and of those that requests share: these must not keep the drain from looking. */
  readonly #unanswered = { drain: 0, shared: 0 };
  #asking: Promise<Glimpse> | undefined;
  #next: Promise<Glimpse> | undefined;
  #wantsPosition = false;
  /** As the last look has said it. */
  #isSerializable: boolean | undefined;

  constructor(options: ParsedFeedOptions) {
    this.#options = options;
  }

  /** For the drain. @param last the snapshot since which changes are wanted */
  look(last: string | undefined): Promise<Glimpse> {
    return this.#counted("drain", last);
  }

  /**
   * For requests: a look, without changes, that begins later than the call. Those who call while one is under way share the next: many mutations at a time
   * would otherwise ask as many questions. Rejects as the database does.
   */
  now(): Promise<Glimpse> {
    const begin = () => {
      this.#next = undefined;
      const asking = this.#counted("shared", undefined);
      this.#asking = asking;
      return asking;
    };
    this.#next ??= (this.#asking ?? Promise.resolve()).then(begin, begin);
    return this.#next;
  }

  #counted(whose: "drain" | "shared", last: string | undefined): Promise<Glimpse> {
    const unanswered = this.#unanswered;
    if (unanswered[whose] >= MOST_UNANSWERED)
      return Promise.reject(new Error("the database has not answered what it was asked"));
    unanswered[whose]++;
    const answered = () => {
      unanswered[whose]--;
    };
    const asked = this.#look(last);
    asked.then(answered, answered);
    return this.bounded(asked);
  }

  /** From now on looks say where the log has got to: some routes read replicas. */
  wantPositions(): void {
    this.#wantsPosition = true;
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
    return this.#deadlines.race(work);
  }
}
