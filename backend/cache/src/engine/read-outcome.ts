// What a lookup finds: a hit, one that is stale, a miss, or that nobody can tell.
// Tests: test/integration/lookups.test.ts
import type { Entry } from "../codec/entry.js";
import type { Miss, Stale } from "./miss.js";

export interface Hit {
  readonly kind: "hit";
  readonly entry: Entry;
  /**
   * Present where the body lies in memory that the store has lent, and wants back: see
   * `Lookups.giveBack`.
   */
  readonly loan?: Buffer | undefined;
}

export type ReadOutcome =
  | Hit
  | Stale
  | Miss
  | { readonly kind: "bypass"; readonly reason: "store-unavailable" | "write-pending" };

/**
 * `revoked`: the caller's own fences have been replaced since it read them, so that the app must allow it
 * anew.
 */
export type CallerOutcome = ReadOutcome | { readonly kind: "revoked" };
