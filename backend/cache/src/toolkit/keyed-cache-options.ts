// What the toolkit's reads and fills are told by the options of the cache.
// Tests: test/integration/toolkit-values.test.ts, test/integration/advice.test.ts
import type { Refreshes } from "../engine/refreshes.js";

/** @internal */
export interface KeyedCacheOptions {
  /** What a value that was compressed may become, bytes. */
  readonly maxInflatedBytes: number;
  /** Loads behind stale values. */
  readonly refreshes: Refreshes;
  /** Nothing is looked up and nothing stored: see the option `advice`. */
  readonly observeOnly: boolean;
}
