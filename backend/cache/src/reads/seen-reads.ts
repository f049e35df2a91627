// What a handler has been seen to read, as explanations and events tell it.
// Tests: test/integration/auto.test.ts
import type { UnreadReason } from "../cache-status.js";

/** For whoever looks: see `explain`. */
export interface SeenReads {
  /** By schema and name, in the order of their names. */
  readonly tables: readonly string[];
  readonly modules: readonly string[];
  /** Why such an answer is not stored, and what of it; `null` where it may be. */
  readonly why: UnreadReason | null;
  readonly what: string | null;
}
