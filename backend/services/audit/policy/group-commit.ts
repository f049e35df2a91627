// Group commit: what is to be durable at the same time shares one transaction.
// Tests: test/unit/audit-group-commit.test.ts

import { NotDurable } from "../audit-unavailable.js";
import { within } from "./within.js";

export interface GroupCommitOptions<T> {
  /** One transaction. Resolves when all of the batch is durable. */
  readonly write: (key: string, batch: readonly T[]) => Promise<void>;
  /** Of one transaction. Default 256. */
  readonly maxBatch?: number;
  /** What may wait altogether; more is refused at once. Default 10,000. */
  readonly maxWaiting?: number;
  /** The longest that a caller waits until its item is durable, milliseconds. Default 2,000. */
  readonly maxWaitMs?: number;
  /** For measurements: `false` gives each item a transaction of its own, all at once. Default true. */
  readonly groups?: boolean;
}

export const DEFAULT_MAX_WAIT_MS = 2000;

interface Waiter<T> {
  readonly item: T;
  settle(error?: unknown): void;
}

interface Lane<T> {
  waiting: Waiter<T>[];
  /** When the transaction under way began; `undefined` where none is. */
  startedMs: number | undefined;
}

/**
 * One transaction of a key is under way at a time, and all that comes meanwhile shares the next one: who comes first waits for
 * nobody, and the more come at a time the fewer transactions each of them costs. Keys do not wait for each other.
 */
export class GroupCommit<T> {
  readonly #write: GroupCommitOptions<T>["write"];
  readonly #groups: boolean;
  readonly #maxBatch: number;
  readonly #maxWaiting: number;
  readonly #maxWaitMs: number;
  readonly #lanes = new Map<string, Lane<T>>();
  #waiting = 0;

  constructor({
    write,
    maxBatch = 256,
    maxWaiting = 10_000,
    maxWaitMs = DEFAULT_MAX_WAIT_MS,
    groups = true,
  }: GroupCommitOptions<T>) {
    this.#write = write;
    this.#groups = groups;
    this.#maxBatch = maxBatch;
    this.#maxWaiting = maxWaiting;
    this.#maxWaitMs = maxWaitMs;
  }

  /** How many wait, or are being written. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Resolves once the item is durable.
   * @throws NotDurable where that took too long, or too much waits. What is under way then may become durable all the same.
   * @throws what `write` rejects with
   */
  async add(key: string, item: T): Promise<void> {
    if (this.#waiting >= this.#maxWaiting) throw new NotDurable(`${this.#waiting} records wait already`);
    if (!this.#groups) return await within(this.#maxWaitMs, this.#write(key, [item]));
    const lane = this.#lanes.get(key) ?? { waiting: [], startedMs: undefined };
    const nowMs = performance.now();
    // A transaction that hangs is not waited for by everybody in turn.
    if (lane.startedMs !== undefined && nowMs - lane.startedMs > this.#maxWaitMs)
      throw new NotDurable("the database does not answer");
    this.#lanes.set(key, lane);
    this.#waiting++;
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          // What has not begun is not to be written for nobody.
          lane.waiting = lane.waiting.filter((each) => each !== waiter);
          reject(new NotDurable(`not durable within ${this.#maxWaitMs} ms`));
        }, this.#maxWaitMs);
        const waiter: Waiter<T> = {
          item,
          settle: (error) => {
            clearTimeout(timer);
            if (error === undefined) resolve();
            else reject(error);
          },
        };
        lane.waiting.push(waiter);
        if (lane.startedMs === undefined) this.#start(key, lane);
      });
    } finally {
      this.#waiting--;
    }
  }

  #start(key: string, lane: Lane<T>): void {
    lane.startedMs = performance.now();
    // What the same turn of the event loop still adds goes along.
    setImmediate(() => void this.#run(key, lane));
  }

  async #run(key: string, lane: Lane<T>): Promise<void> {
    const batch = lane.waiting.splice(0, this.#maxBatch);
    let failure: unknown;
    try {
      if (batch.length > 0)
        await this.#write(
          key,
          batch.map(({ item }) => item),
        );
    } catch (error) {
      failure = error ?? new NotDurable("the write failed");
    }
    for (const { settle } of batch) settle(failure);
    lane.startedMs = undefined;
    if (lane.waiting.length > 0) this.#start(key, lane);
    else this.#lanes.delete(key);
  }
}
