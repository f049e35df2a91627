// What the engine lends to lookups.
import type { Sealer } from "../codec/encryption.js";
import type { Store } from "../store/store.js";
import type { Counters } from "./counters.js";
import type { EntryRef } from "./entry-ref.js";
import type { EntryWriter } from "./entry-writer.js";
import type { Fills } from "./fills.js";
import type { LocalEntries } from "./local-entries.js";
import type { StoreGate } from "./store-gate.js";

export interface LookupParts {
  readonly store: Store;
  readonly gate: StoreGate;
  /** Absent: entries are in the store only. */
  readonly local: LocalEntries | undefined;
  readonly sealer: Sealer;
  readonly counters: Counters;
  readonly writer: Pick<EntryWriter, "countFailure">;
  readonly fills: Pick<Fills, "readOrBegin" | "open" | "drop">;
  readonly fenceTtlMs: number;
  alarm(ref: EntryRef, problem: "corrupt" | "foreign"): void;
}
