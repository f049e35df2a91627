// Groups of keys whose invalidations could not be written while the rest of the store could be used: nobody reads them until they are.
// Tests: test/faults/cluster-slots.test.ts
import type { Logger } from "../logger.js";
import type { Store } from "../store/store.js";
import type { GroupUnavailable } from "../store/store-errors.js";
import { monotonicNow } from "../timers.js";
import { type RecoveryBatch, RecoveryQueue } from "./recovery-queue.js";
import { Restriction } from "./restriction.js";

/** No request has met one for so long. */
const STEADY_AFTER_MS = 10_000;

export class DoubtfulGroups {
  readonly #store: Store;
  readonly #maxPending: number;
  readonly #write: (batch: RecoveryBatch) => Promise<void>;
  readonly #queues = new Map<string, RecoveryQueue>();
  readonly #restriction: Restriction;
  #sightedAtMs = 0;
  #replayed = 0;

  /** @param write writes what was missed; rejects where that is not possible yet */
  constructor(
    store: Store,
    maxPending: number,
    write: (batch: RecoveryBatch) => Promise<void>,
    logger: Logger,
  ) {
    this.#store = store;
    this.#maxPending = maxPending;
    this.#write = write;
    this.#restriction = new Restriction({
      isOver: () => this.#replay(),
      began: (reason) =>
        logger.warn(
          `express-tenant-cache: part of the store away (${reason}); requests of the tenants in it go to their handlers`,
        ),
      ended: (seconds) =>
        logger.info(`express-tenant-cache: all of the store in use again after ${seconds} s`),
    });
  }

  get reason(): string | undefined {
    return this.#restriction.reason;
  }

  /** Invalidations that wait. */
  get pending(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.size, 0);
  }

  get replayed(): number {
    return this.#replayed;
  }

  /** From now on the group is neither read nor filled, until its fences have been replaced. */
  add({ group, message }: GroupUnavailable, tenantFenceKey: string, fenceKeys: readonly string[]): void {
    let queue = this.#queues.get(group);
    if (!queue) {
      queue = new RecoveryQueue(this.#maxPending);
      this.#queues.set(group, queue);
      this.#store.suspend?.(group, true);
    }
    queue.add(tenantFenceKey, fenceKeys);
    this.#restriction.begin(message);
  }

  /** A read or a fill was refused for its group: that concerns nobody else, and nothing is in doubt. */
  sighted({ message }: GroupUnavailable): void {
    this.#sightedAtMs = monotonicNow();
    this.#restriction.begin(message);
  }

  stop(): void {
    this.#restriction.stop();
  }

  async #replay(): Promise<boolean> {
    for (const [group, queue] of this.#queues) {
      try {
        for (let batch = queue.take(); batch; batch = queue.take()) {
          await this.#write(batch).catch((error: unknown) => {
            // The loop's own binding would have moved on by now.
            queue.restore(batch as RecoveryBatch);
            throw error;
          });
          queue.confirm(batch);
        }
      } catch {
        continue;
      }
      this.#replayed += queue.replayed;
      this.#queues.delete(group);
      this.#store.suspend?.(group, false);
    }
    return this.#queues.size === 0 && monotonicNow() - this.#sightedAtMs >= STEADY_AFTER_MS;
  }
}
