// What the toolkit asks of a store beside fills and invalidations: single keys, counters and locks.

/** A fence that got a new token, as one step. */
export interface TurnedFence {
  /** The token that it replaced; `null` where there was none. */
  readonly before: string | null;
  readonly after: string;
}

/** Toolkit keys of one tenant whose names match a pattern. */
export interface KeyMatch {
  /** What the names of the keys' fences, entries and counters begin with; the rest is the toolkit key. */
  readonly fencePrefix: string;
  readonly entryPrefix: string;
  readonly counterPrefix: string;
  /** Its only wildcard is `*`: everything else stands for itself. */
  readonly pattern: string;
}

/**
 * The keys of one call are all of one tenant, so that they share a Cluster slot. As in `Store`, every method
 * rejects when the store cannot be reached, and none retries.
 */
export interface KeyedStore {
  /** Gives every fence a new token and tells both, so that a writer learns whether another came between. */
  turnFences(fenceKeys: readonly string[], fenceTtlMs: number): Promise<readonly TurnedFence[]>;
  /** Removes entries, fences (a missing fence cuts off as well as a new one) and counters, as one step. */
  removeKeys(keys: readonly string[]): Promise<void>;
  /**
   * Removes all that matches, with their fences, so that a load that began before the call stores nothing.
   * Slow, paced; resolves with the number of entries and counters removed.
   */
  removeMatching(match: KeyMatch): Promise<number>;
  /**
   * Adds to a counter. One that is not there begins at 0 and gets the TTL, as one step; later additions leave
   * its TTL alone.
   */
  addToCounter(key: string, by: number, ttlMs: number): Promise<number>;
  readCounter(key: string): Promise<number | null>;
  /** Resolves with false where another holds the lock. */
  takeLock(key: string, holder: string, ttlMs: number): Promise<boolean>;
  /** Extends the lock; resolves with false where its holder has lost it. */
  renewLock(key: string, holder: string, ttlMs: number): Promise<boolean>;
  /** Gives the lock back, if it is still the holder's. */
  releaseLock(key: string, holder: string): Promise<void>;
}
