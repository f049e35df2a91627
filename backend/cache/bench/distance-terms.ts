// What the app with a cache for each distance to Redis and its measurement have in common.

/** A Redis that is so far away, and a cache that uses it. */
export interface Distance {
  readonly roundTripMs: number;
  readonly budgetMs: number;
  /** Of the proxy in front of it. */
  readonly redisUrl: string;
}

/** What the app has seen with one of them since it was asked to begin. */
export interface Seen {
  readonly hitMs: readonly number[];
  readonly misses: number;
  readonly bypasses: number;
  readonly openings: number;
  readonly lines: readonly string[];
  /** Why it is not in use at the end; `null` where it is. */
  readonly reason: string | null;
}

export const HANDLER_MS = 5;
