// Writes entries to the store by compare-and-set on their fences, and gives back the leases they were made under.
import type { Sealer } from "../codec/encryption.js";
import { type Entry, encodeEntry } from "../codec/entry.js";
import type { Counters } from "../ops/counters.js";
import type { CommitOutcome, CommitResult, HeldLease, Store } from "../store/store.js";
import { nextTurn } from "../timers.js";
import type { EntryRef } from "./entry-ref.js";
import { type StoreGate, StoreUnavailable } from "./store-gate.js";

/** A larger body's checksum and its way to the store are turns of the event loop of their own. */
const MAX_ENCODED_AND_SENT_BYTES = 128 * 1024;

export interface EntryWriterOptions {
  readonly fenceTtlMs: number;
  readonly sealer: Sealer;
  /** What the entries of one tenant may take in the store, bytes; `Infinity` for no bound. */
  readonly maxTenantBytes: number;
  /** How long nobody waits for an entry that turned out not to be storable, milliseconds. */
  readonly skipMs: number;
}

/** Who is told of what the store has done. */
export interface EntryWriterListener {
  onStored(ref: EntryRef, entry: Entry): void;
  /** After each step that was not simply stored or fenced. */
  onBounded(ref: EntryRef, result: CommitResult): void;
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
  readonly #listener: EntryWriterListener;
  readonly #background = new Set<Promise<unknown>>();

  constructor(
    store: Store,
    gate: StoreGate,
    counters: Counters,
    options: EntryWriterOptions,
    listener: EntryWriterListener,
  ) {
    this.#store = store;
    this.#gate = gate;
    this.#counters = counters;
    this.#options = options;
    this.#listener = listener;
  }

  /**
   * Stores an entry under the fences it was made from. Resolves with what came of it, `failed` where the store could not be asked; never
   * rejects.
   *
   * @param expected where present: the only value that may be overwritten
   */
  async write(
    ref: EntryRef,
    start: WriteStart,
    entry: Entry,
    expected?: Buffer | null,
  ): Promise<CommitOutcome | "failed"> {
    try {
      const outcome = await this.commit(ref, start, entry, expected);
      if (outcome === "stored" || outcome === "fenced")
        this.#counters.add(outcome === "stored" ? "sets" : "fenced", ref.tenant, ref.module);
      if (outcome === "stored") this.#listener.onStored(ref, entry);
      if (outcome === "too-large") this.giveBack(start.lease, this.#options.skipMs);
      return outcome;
    } catch (error) {
      this.countFailure(ref, error);
      this.giveBack(start.lease);
      return "failed";
    }
  }

  /** The step in the store alone, which counts nothing but what the tenant's quota has cost; rejects as the gate does. */
  async commit(
    ref: EntryRef,
    { tokens, lease }: WriteStart,
    entry: Entry,
    expected?: Buffer | null,
  ): Promise<CommitOutcome> {
    const { tenant, module, entryKey, maxEntries, fenceKeys } = ref;
    const ttlMs = entry.expiresAt - Date.now();
    const fenceTtlMs =
      ref.fenceTtlMs === undefined ? this.#options.fenceTtlMs : Math.ceil(ttlMs) + ref.fenceTtlMs;
    const value = this.#options.sealer.seal(entryKey, encodeEntry(entry));
    if (entry.body.length > MAX_ENCODED_AND_SENT_BYTES) await nextTurn();
    const { maxTenantBytes } = this.#options;
    const result = await this.#gate.run(() =>
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
        ...(Number.isFinite(maxTenantBytes) && { maxTenantBytes }),
      }),
    );
    const { outcome, evicted, recount } = result;
    const isRefused = outcome === "too-large" || outcome === "no-room";
    if (evicted > 0) this.#counters.add("quotaEvictions", tenant, module, evicted);
    if (isRefused) this.#counters.add("quotaRefusals", tenant, module);
    if (evicted > 0 || isRefused || recount) this.#listener.onBounded(ref, result);
    return outcome;
  }

  /** The leader's and its followers' responses go first: encoding and sealing a large body takes a while. */
  writeBehind(
    ref: EntryRef,
    start: WriteStart,
    entry: Entry,
    whenWritten: (outcome: CommitOutcome | "failed") => void,
  ): void {
    this.#inBackground(nextTurn().then(async () => whenWritten(await this.write(ref, start, entry))));
  }

  /**
   * Also while the circuit is open, because whoever still reaches the store would wait for the lease to end.
   * `skipMs` above 0 tells other processes not to wait for this entry.
   */
  giveBack(lease: HeldLease | undefined, skipMs = 0): void {
    if (lease) this.#inBackground(this.#gate.bound(this.#store.abandonFill(lease, skipMs)));
  }

  /** Whoever holds it, for longer than a lease lives. */
  removeLease(key: string): void {
    this.#inBackground(this.#gate.bound(this.#store.remove(key)));
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
