// What the toolkit's reads and fills are told by the options of the cache.
// Tests: test/integration/toolkit-values.test.ts, test/integration/advice.test.ts

/** @internal */
export interface KeyedCacheOptions {
  /** What a value that was compressed may become, bytes. */
  readonly maxInflatedBytes: number;
  /** How long a load behind a stale value is waited for, milliseconds. */
  readonly refreshWaitMs: number;
  /** Nothing is looked up and nothing stored: see the option `advice`. */
  readonly observeOnly: boolean;
}
