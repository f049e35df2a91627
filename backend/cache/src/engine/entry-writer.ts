// Writes entries to the store by compare-and-set on their fences, and releases their leases.
// Tests: test/unit/leases.test.ts
import type { Advisor } from "../advice/advisor.js";
import type { Sealer } from "../codec/encryption.js";
import { type Entry, encodeEntry } from "../codec/entry.js";
import { isPending } from "../store/fence-token.js";
import type { CommitOutcome, CommitResult, HeldLease, Store } from "../store/store.js";
import { ValueTooLarge } from "../store/store-errors.js";
import { nextTurn } from "../timers.js";
import { joinTagged } from "./answer-tags.js";
import type { Counters } from "./counters.js";
import type { EntryRef } from "./entry-ref.js";
import { splitFences } from "./fences.js";
import type { Leases } from "./leases.js";
import type { RefusedValues } from "./refused-values.js";
import { type StoreGate, StoreUnavailable } from "./store-gate.js";
import { endOfTurn } from "./turn.js";
import { UnderWay } from "./under-way.js";

/** A larger body's checksum and its way to the store are turns of the event loop of their own. */
const MAX_ENCODED_AND_SENT_BYTES = 128 * 1024;

/** What a route's entry may be served stale for makes it live longer than fences are set for. */
const FENCE_OUTLIVES_MS = 3_600_000;

export interface EntryWriterOptions {
  readonly fenceTtlMs: number;
  readonly sealer: Sealer;
  /** What the entries of one tenant may take in the store, bytes; `Infinity` for no bound. */
  readonly maxTenantBytes: number;
  /** How long nobody waits for an entry that turned out not to be storable, milliseconds. */
  readonly skipMs: number;
  /** Is told of requests, answers and invalidations; absent where nobody is. */
  readonly advisor?: Advisor | undefined;
}

/** Who is told of what the store has done. */
export interface EntryWriterListener {
  /** The store has it now: a new entry, or one that is stored again with variants. */
  onCommitted(ref: EntryRef, entry: Entry): void;
  /** A new entry is stored, and counted. */
  onStored(ref: EntryRef): void;
  /** After each step that was not simply stored or fenced. */
  onBounded(ref: EntryRef, result: CommitResult): void;
}

/**
 * `failed`: the store could not be asked. `refused`: it takes no such value, and is not asked for a while.
 */
export type WriteOutcome = CommitOutcome | "failed" | "refused";

export interface EntryWriterParts {
  readonly store: Store;
  readonly gate: StoreGate;
  readonly leases: Leases;
  readonly refused: RefusedValues;
  readonly counters: Counters;
}

/** What an entry is stored under. */
export interface WriteStart {
  /** Absent: the ref's. */
  readonly fenceKeys?: readonly string[];
  /** In the order of the keys. */
  readonly tokens: readonly string[];
  readonly lease?: HeldLease | undefined;
}

export class EntryWriter {
  readonly #parts: EntryWriterParts;
  readonly #options: EntryWriterOptions;
  readonly #listener: EntryWriterListener;
  /** What was begun behind responses. */
  readonly underWay = new UnderWay();

  constructor(parts: EntryWriterParts, options: EntryWriterOptions, listener: EntryWriterListener) {
    this.#parts = parts;
    this.#options = options;
    this.#listener = listener;
  }

  /**
   * Stores an entry under the fences it was made from. Resolves with what came of it; never rejects.
   *
   * @param expected where present: the only value that may be overwritten
   */
  async write(
    ref: EntryRef,
    start: WriteStart,
    entry: Entry,
    expected?: Buffer | null,
  ): Promise<WriteOutcome> {
    const { counters } = this.#parts;
    try {
      const outcome = await this.commit(ref, start, entry, expected);
      if (outcome === "stored" || outcome === "fenced")
        counters.add(outcome === "stored" ? "sets" : "fenced", ref.tenant, ref.module);
      if (outcome === "stored") this.#listener.onStored(ref);
      const isUnstorable = outcome === "too-large" || outcome === "refused";
      if (isUnstorable) this.releaseLease(start.lease, this.#options.skipMs);
      return outcome;
    } catch (error) {
      this.countFailure(ref, error);
      const isUnstorable = error instanceof ValueTooLarge;
      this.releaseLease(start.lease, isUnstorable ? this.#options.skipMs : 0);
      return isUnstorable ? "refused" : "failed";
    }
  }

  /** The step in the store. Counts nothing but what the tenant's quota has cost; rejects as the gate does. */
  async commit(
    ref: EntryRef,
    { tokens, lease, fenceKeys = ref.fenceKeys }: WriteStart,
    entry: Entry,
    expected?: Buffer | null,
  ): Promise<CommitOutcome | "refused"> {
    const { store, gate, refused, counters } = this.#parts;
    const { tenant, module, entryKey, maxEntries } = ref;
    const ttlMs = entry.expiresAt - Date.now();
    const fenceTtlMs =
      ref.fenceTtlMs === undefined
        ? Math.max(this.#options.fenceTtlMs, Math.ceil(ttlMs) + FENCE_OUTLIVES_MS)
        : Math.ceil(ttlMs) + ref.fenceTtlMs;
    const value = this.#options.sealer.seal(entryKey, encodeEntry(entry));
    const bytes = value.reduce((sum, piece) => sum + piece.length, 0);
    if (refused.has(entryKey, bytes)) return "refused";
    if (entry.body.length > MAX_ENCODED_AND_SENT_BYTES) await nextTurn();
    const { maxTenantBytes } = this.#options;
    const write = () =>
      store.commitFill({
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
      });
    const begun = counters.latencies.begin();
    const result = await gate.run(write).catch((error: unknown) => {
      refused.failed(entryKey, bytes, error);
      throw error;
    });
    counters.latencies.end("store", begun);
    refused.stored(entryKey, bytes);
    const { outcome, evicted, recount } = result;
    const isRefused = outcome === "too-large" || outcome === "no-room";
    if (evicted > 0) counters.add("quotaEvictions", tenant, module, evicted);
    if (isRefused) counters.add("quotaRefusals", tenant, module);
    if (evicted > 0 || isRefused || recount) this.#listener.onBounded(ref, result);
    if (outcome === "stored") this.#listener.onCommitted(ref, entry);
    return outcome;
  }

  /** The leader's and its followers' responses go first: encoding and sealing a large body takes a while. */
  writeBehind(
    ref: EntryRef,
    start: WriteStart,
    entry: Entry,
    whenWritten: (outcome: WriteOutcome) => void,
  ): void {
    this.underWay.add(endOfTurn().then(async () => whenWritten(await this.write(ref, start, entry))));
  }

  /**
   * Like {@link writeBehind}, for an answer that has named tags. Their fences are read now: see
   * `answer-tags.ts`.
   */
  writeTagged(
    ref: EntryRef,
    start: WriteStart & { readonly fences: string },
    entry: Entry,
    tags: readonly string[],
    whenWritten: (outcome: WriteOutcome) => void,
  ): void {
    const write = async () => {
      await endOfTurn();
      const tagged = await this.#withTags(ref, start, tags);
      const fences = tagged && joinTagged(start.fences, tags, tagged.tokens.slice(start.tokens.length));
      if (tagged && fences) return this.write(ref, tagged, { ...entry, fences });
      this.#parts.counters.add("fenced", ref.tenant, ref.module);
      this.releaseLease(start.lease);
      return "fenced";
    };
    const failed = (error: unknown): WriteOutcome => {
      this.countFailure(ref, error);
      this.releaseLease(start.lease);
      return "failed";
    };
    this.underWay.add(write().catch(failed).then(whenWritten));
  }

  /** `undefined` where the server is another one than at the start, or a guarded write is under way. */
  async #withTags(
    ref: EntryRef,
    start: WriteStart & { readonly fences: string },
    tags: readonly string[],
  ): Promise<WriteStart | undefined> {
    const { store, gate } = this.#parts;
    const { entryKey } = ref;
    const { fenceKeys = ref.fenceKeys } = start;
    if (tags.length === 0) return start;
    const tagKeys = tags.map((tag) => ref.tagFence?.(tag) ?? "");
    const { fenceTtlMs } = this.#options;
    const now = await gate.run(() => store.beginFill({ entryKey, fenceKeys: tagKeys, fenceTtlMs }));
    if (now.runId !== splitFences(start.fences).runId || now.fences.some(isPending)) return undefined;
    return { ...start, fenceKeys: [...fenceKeys, ...tagKeys], tokens: [...start.tokens, ...now.fences] };
  }

  /** @param skipMs above 0: tells other processes for so long not to wait for this entry */
  releaseLease(lease: HeldLease | undefined, skipMs = 0): void {
    if (lease) this.underWay.add(this.#parts.leases.release(lease, skipMs));
  }

  /** Whoever holds it, for longer than a lease lives. */
  removeLease(key: string): void {
    const { gate, store } = this.#parts;
    this.underWay.add(gate.bound(store.remove(key)));
  }

  /** An open circuit is a state, counted as bypasses, not as errors. */
  countFailure(ref: EntryRef, error: unknown): void {
    if (!(error instanceof StoreUnavailable)) this.#parts.counters.add("errors", ref.tenant, ref.module);
  }
}
