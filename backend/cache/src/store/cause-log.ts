// What a store is told of causes: why fences were replaced, kept for a day for whoever asks.
// Tests: test/contract/memory-store.test.ts, test/integration/causes.test.ts

/** A cause, on its way to the store with the fences that it is about. */
export interface CauseNote {
  /** The log of the tenant. */
  readonly key: string;
  /** What is kept, as it is. */
  readonly text: string;
  /** About so many are kept, the newest. */
  readonly maxNotes: number;
  /** How long the log lives from now on, milliseconds. */
  readonly ttlMs: number;
  /** Present: who hears the channel is told at once, in the same step, by a message that begins with `from`. */
  readonly announce?: { readonly channel: string; readonly from: string };
}

export interface StoredCause {
  /** By the store's clock, milliseconds since the epoch: those that the fences say. */
  readonly atMs: number;
  readonly text: string;
}

export interface CauseQuery {
  /** By the store's clock, milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly limit: number;
}

/** An entry, as it is looked at without touching it. */
export interface PeekRequest {
  readonly tenant: string;
  readonly module: string;
  readonly entryKey: string;
  /** The first two are the tenant's and the module's. */
  readonly fenceKeys: readonly string[];
}

/** What the store says of an entry that is only looked at. */
export interface Peek {
  /** In the order of the keys asked for; `null` where one is missing. */
  readonly fences: readonly (string | null)[];
  /** As `FillStart` says it. */
  readonly unstorable?: "uncovered";
  /** What a fill would begin with, where a hit needs something else in its place. */
  readonly begun?: readonly (string | null)[];
  readonly entry: Buffer | null;
  readonly runId: string;
  /** Whether its books list the entry under these fences: where the value is gone, it was evicted. */
  readonly isListed: boolean;
  /** Of the module, under these fences. */
  readonly moduleEntries: number;
  /** What the tenant's entries count against its quota. */
  readonly tenantBytes: number;
}
