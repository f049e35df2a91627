// Writes entries to the store by compare-and-set on their fences, and gives back the leases they were made under.
import type { Sealer } from "../codec/encryption.js";
import { type Entry, encodeEntry } from "../codec/entry.js";
import type { Counters } from "../ops/counters.js";
import type { HeldLease, Store } from "../store/store.js";
import { nextTurn } from "../timers.js";
import type { EntryRef } from "./entry-ref.js";
import { type StoreGate, StoreUnavailable } from "./store-gate.js";

/** A larger body's checksum and its way to the store are turns of the event loop of their own. */
const MAX_ENCODED_AND_SENT_BYTES = 128 * 1024;

export interface EntryWriterOptions {
  readonly fenceTtlMs: number;
  readonly sealer: Sealer;
}

/** What an entry is stored under. */
export interface WriteStart {
  /** Of its fences, in the order of the ref's. */
  readonly tokens: readonly string[];
  readonly lease?: HeldLease | undefined;
}

export class EntryWriter {
  readonly #store: Store;
  readonly #gate: StoreGate;
  readonly #counters: Counters;
  readonly #options: EntryWriterOptions;
  readonly #onStored: (ref: EntryRef, entry: Entry) => void;
  readonly #background = new Set<Promise<unknown>>();

  constructor(
    store: Store,
    gate: StoreGate,
    counters: Counters,
    options: EntryWriterOptions,
    onStored: (ref: EntryRef, entry: Entry) => void,
  ) {
    this.#store = store;
    this.#gate = gate;
    this.#counters = counters;
    this.#options = options;
    this.#onStored = onStored;
  }

  /**
   * Stores an entry under the fences it was made from. Resolves with whether it is stored; never rejects.
   *
   * @param expected where present: the only value that may be overwritten
   */
  async write(ref: EntryRef, start: WriteStart, entry: Entry, expected?: Buffer | null): Promise<boolean> {
    try {
      const stored = await this.commit(ref, start, entry, expected);
      this.#counters.add(stored ? "sets" : "fenced", ref.tenant, ref.module);
      if (stored) this.#onStored(ref, entry);
      return stored;
    } catch (error) {
      this.countFailure(ref, error);
      this.giveBack(start.lease);
      return false;
    }
  }

  /** The step in the store alone, which counts nothing and tells nobody; rejects as the gate does. */
  async commit(
    ref: EntryRef,
    { tokens, lease }: WriteStart,
    entry: Entry,
    expected?: Buffer | null,
  ): Promise<boolean> {
    const { tenant, module, entryKey, maxEntries, fenceKeys } = ref;
    const ttlMs = entry.expiresAt - Date.now();
    const fenceTtlMs =
      ref.fenceTtlMs === undefined ? this.#options.fenceTtlMs : Math.ceil(ttlMs) + ref.fenceTtlMs;
    const value = this.#options.sealer.seal(entryKey, encodeEntry(entry));
    if (entry.body.length > MAX_ENCODED_AND_SENT_BYTES) await nextTurn();
    return this.#gate.run(() =>
      this.#store.commitFill({
        tenant,
        module,
        entryKey,
        value,
        ttlMs,
        maxEntries,
        fenceKeys,
        fences: tokens,
        fenceTtlMs,
        ...(lease && { lease }),
        ...(expected !== undefined && { expected }),
      }),
    );
  }

  /** The leader's and its followers' responses go first: encoding and sealing a large body takes a while. */
  writeBehind(ref: EntryRef, start: WriteStart, entry: Entry): void {
    this.#inBackground(nextTurn().then(() => this.write(ref, start, entry)));
  }

  /**
   * Also while the circuit is open, because whoever still reaches the store would wait for the lease to end.
   * `skipMs` above 0 tells other processes not to wait for this entry.
   */
  giveBack(lease: HeldLease | undefined, skipMs = 0): void {
    if (lease) this.#inBackground(this.#gate.bound(this.#store.abandonFill(lease, skipMs)));
  }

  /** An open circuit is a state, counted as bypasses, not as errors. */
  countFailure(ref: EntryRef, error: unknown): void {
    if (!(error instanceof StoreUnavailable)) this.#counters.add("errors", ref.tenant, ref.module);
  }

  /** Resolves when all that was begun behind responses is done. */
  async idle(): Promise<void> {
    while (this.#background.size > 0) await Promise.allSettled(this.#background);
  }

  #inBackground(work: Promise<unknown>): void {
    const settled = work.catch(() => undefined).finally(() => this.#background.delete(settled));
    this.#background.add(settled);
  }
}
