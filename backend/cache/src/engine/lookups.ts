// Lookups: an entry from this process or from the store, believed only with the fences that are current.
import { PLAIN, type Sealer } from "../codec/encryption.js";
import type { Entry } from "../codec/entry.js";
import { isPending } from "../store/fence-token.js";
import type { Store } from "../store/store.js";
import { type EntryRef, examine } from "./entry-ref.js";
import type { EntryWriter } from "./entry-writer.js";
import { areSettled, joinFences } from "./fences.js";
import type { Miss } from "./fill-starts.js";
import type { Fills } from "./fills.js";
import { type FenceWitness, GroupedReads } from "./grouped-reads.js";
import type { LocalEntries, LocalEntry } from "./local-entries.js";
import type { StoreGate } from "./store-gate.js";
import { endOfTurn } from "./turn.js";

export interface Hit {
  readonly kind: "hit";
  readonly entry: Entry;
  /** What the store has lent for the body, if anything: see {@link Lookups.giveBack}. */
  readonly loan?: Buffer | undefined;
}

export type ReadOutcome =
  | Hit
  /** Too old, but not cut off by a fence. */
  | (Miss & { readonly kind: "stale"; readonly entry: Entry })
  | (Miss & { readonly kind: "miss" })
  | { readonly kind: "bypass"; readonly reason: "store-unavailable" | "write-pending" };

/** `unwitnessed`: the witness no longer holds, and whoever asked with it must be allowed anew. */
export type WitnessedOutcome = ReadOutcome | { readonly kind: "unwitnessed" };

const UNAVAILABLE: ReadOutcome = { kind: "bypass", reason: "store-unavailable" };
const UNWITNESSED: WitnessedOutcome = { kind: "unwitnessed" };

/** What the engine lends. */
export interface LookupParts {
  readonly store: Store;
  readonly gate: StoreGate;
  /** Absent: entries are in the store only. */
  readonly local: LocalEntries | undefined;
  readonly sealer: Sealer;
  readonly writer: Pick<EntryWriter, "countFailure">;
  readonly fills: Pick<Fills, "look" | "drop">;
  readonly fenceTtlMs: number;
  alarm(ref: EntryRef, problem: "corrupt" | "foreign"): void;
}

export class Lookups {
  readonly #parts: LookupParts;
  readonly #reads: GroupedReads;
  /** Whether the last entry that the store was asked for was not there: so, then, may be the next. */
  #expectsMiss = true;

  constructor(parts: LookupParts) {
    this.#parts = parts;
    // Entries that this process keeps, or decrypts elsewhere, need memory of their own, or none for long.
    const onLoan = parts.store.giveBack !== undefined && parts.local === undefined && parts.sealer === PLAIN;
    this.#reads = new GroupedReads(parts.store, parts.gate, onLoan);
  }

  /** Called before and after this process replaces fences: its own changes take effect for its own reads at once. */
  forget(fenceKeys: readonly string[]): void {
    this.#reads.forget(fenceKeys);
  }

  /**
   * Looks an entry up; at once where the store cannot be asked. With a witness only while that holds, checked in the same
   * round trip; `unwitnessed` where it does not. Never rejects.
   */
  read(ref: EntryRef): ReadOutcome | Promise<ReadOutcome>;
  read(ref: EntryRef, witness: FenceWitness | undefined): WitnessedOutcome | Promise<WitnessedOutcome>;
  read(ref: EntryRef, witness?: FenceWitness): WitnessedOutcome | Promise<WitnessedOutcome> {
    if (this.#parts.gate.state !== "closed") return this.#whenStarted(ref, witness);
    const local = this.#parts.local?.get(ref);
    if (!local) return this.#fetch(ref, witness, this.#parts.gate.expiry());
    return this.#recall(ref, local, witness) ?? this.#confirm(ref, local, witness, false);
  }

  /** Like {@link read}, for a request that fills what it misses: the caller must open the fill of every miss. */
  readToFill(ref: EntryRef): ReadOutcome | Promise<ReadOutcome> {
    if (this.#parts.gate.state !== "closed") return this.#whenStarted(ref, undefined);
    const local = this.#parts.local?.get(ref);
    if (local) return this.#recall(ref, local, undefined) ?? this.#confirm(ref, local, undefined, true);
    const expiresAtMs = this.#parts.gate.expiry();
    return this.#expectsMiss ? this.#look(ref, expiresAtMs) : this.#fetch(ref, undefined, expiresAtMs);
  }

  /** Reads fences that nothing depends on yet, and makes those that are missing; rejects as the gate does. */
  async witness(fenceKeys: readonly string[]): Promise<FenceWitness | undefined> {
    let answer = await this.#reads.read(fenceKeys);
    const missing = fenceKeys.filter((key) => answer.fence(key) === null);
    if (missing.length > 0) {
      await this.#parts.gate.run(() => this.#parts.store.replaceFences(missing, this.#parts.fenceTtlMs));
      answer = await this.#reads.read(fenceKeys);
    }
    const fences = answer.fences(fenceKeys);
    return areSettled(fences) ? { fenceKeys, fences, runId: answer.runId } : undefined;
  }

  /**
   * Called once nobody will look at the body of a {@link Hit} again, above all not the socket that it was written to: its memory is then
   * used for other entries, of other tenants. A loan that is not given back is safe, and left to the collector.
   */
  giveBack(loan: Buffer): void {
    this.#parts.store.giveBack?.(loan);
  }

  /** Before the store has answered for the first time a read waits, as long as it would for an answer; later it does not. */
  #whenStarted(ref: EntryRef, witness: undefined): ReadOutcome | Promise<ReadOutcome>;
  #whenStarted(
    ref: EntryRef,
    witness: FenceWitness | undefined,
  ): WitnessedOutcome | Promise<WitnessedOutcome>;
  #whenStarted(
    ref: EntryRef,
    witness: FenceWitness | undefined,
  ): WitnessedOutcome | Promise<WitnessedOutcome> {
    const { gate } = this.#parts;
    const { starting } = gate;
    if (!starting) return UNAVAILABLE;
    const expiresAtMs = gate.expiry();
    const read = () => (gate.state === "closed" ? this.#fetch(ref, witness, expiresAtMs) : UNAVAILABLE);
    return gate.bound(starting.then(read), expiresAtMs).catch(() => UNAVAILABLE);
  }

  /** A hit at once, where the route's `maxStaleness` allows it. */
  #recall(ref: EntryRef, local: LocalEntry, witness?: FenceWitness): Promise<ReadOutcome> | undefined {
    const isKnown =
      ref.maxStaleness > 0 &&
      this.#reads.recalls(ref.fenceKeys, local.carried, ref.maxStaleness) &&
      (!witness || this.#reads.recalls(witness.fenceKeys, witness, ref.maxStaleness));
    if (!isKnown || local.staleAt <= Date.now()) return undefined;
    return endOfTurn().then(() => ({ kind: "hit", entry: local }));
  }

  /**
   * The entry is in this process's memory: its fences must still be those in the store. A stale one is looked for in the store,
   * because another process may have refreshed it.
   */
  #confirm(ref: EntryRef, local: LocalEntry, witness: undefined, toFill: true): Promise<ReadOutcome>;
  #confirm(
    ref: EntryRef,
    local: LocalEntry,
    witness: FenceWitness | undefined,
    toFill: false,
  ): Promise<WitnessedOutcome>;
  async #confirm(
    ref: EntryRef,
    local: LocalEntry,
    witness: FenceWitness | undefined,
    toFill: boolean,
  ): Promise<WitnessedOutcome> {
    const expiresAtMs = this.#parts.gate.expiry();
    try {
      const answer = await this.#reads.read(withWitness(ref, witness));
      if (witness && !answer.confirms(witness.fenceKeys, witness)) return UNWITNESSED;
      if (answer.confirms(ref.fenceKeys, local.carried) && local.staleAt > Date.now())
        return { kind: "hit", entry: local };
      this.#parts.local?.delete(ref);
      if (toFill) return await this.#look(ref, expiresAtMs, expiresAtMs);
      const snapshot = await this.#parts.gate.run(
        () => this.#parts.store.read(ref.fenceKeys, [ref.entryKey]),
        expiresAtMs,
      );
      return this.#judge(ref, snapshot.fences, snapshot.runId, snapshot.entries[0] ?? null, expiresAtMs);
    } catch (error) {
      return this.#unavailable(ref, error);
    }
  }

  #fetch(ref: EntryRef, witness: undefined, expiresAtMs: number): Promise<ReadOutcome>;
  #fetch(ref: EntryRef, witness: FenceWitness | undefined, expiresAtMs: number): Promise<WitnessedOutcome>;
  async #fetch(
    ref: EntryRef,
    witness: FenceWitness | undefined,
    expiresAtMs: number,
  ): Promise<WitnessedOutcome> {
    try {
      const answer = await this.#reads.read(withWitness(ref, witness), ref.entryKey);
      if (witness && !answer.confirms(witness.fenceKeys, witness)) return UNWITNESSED;
      const fences = answer.fences(ref.fenceKeys);
      const bytes = answer.entry(ref.entryKey);
      const outcome = this.#judge(ref, fences, answer.runId, bytes, expiresAtMs);
      this.#note(outcome);
      if (outcome.kind !== "hit") return outcome;
      // Written out: V8 makes a hidden class for each object that is spread and added to.
      return { kind: "hit", entry: outcome.entry, loan: answer.loan(ref.entryKey) };
    } catch (error) {
      return this.#unavailable(ref, error);
    }
  }

  /** Looks the entry up and begins its fill in one round trip: a miss costs one less, a hit a script instead of a part of an `MGET`. */
  async #look(ref: EntryRef, expiresAtMs: number, withinMs?: number): Promise<ReadOutcome> {
    try {
      const begun = await this.#parts.fills.look(ref, withinMs);
      const { fences, runId, entry, lease } = begun.answer;
      const outcome = this.#judge(ref, fences, runId, entry, expiresAtMs);
      this.#note(outcome);
      // Without a lease because of an entry that turns out not to be valid: nothing has begun.
      const hasBegun = outcome.kind === "miss" && (entry === null || lease !== "none");
      if (hasBegun) return { ...outcome, begun };
      this.#parts.fills.drop(begun);
      return outcome;
    } catch (error) {
      return this.#unavailable(ref, error);
    }
  }

  #unavailable(ref: EntryRef, error: unknown): ReadOutcome {
    this.#parts.writer.countFailure(ref, error);
    return UNAVAILABLE;
  }

  #note({ kind }: ReadOutcome): void {
    if (kind !== "bypass") this.#expectsMiss = kind === "miss";
  }

  #judge(
    ref: EntryRef,
    fences: readonly (string | null)[],
    runId: string,
    bytes: Buffer | null,
    expiresAtMs: number,
  ): ReadOutcome {
    if (!areSettled(fences)) {
      const pending = fences.some((fence) => fence !== null && isPending(fence));
      return pending
        ? { kind: "bypass", reason: "write-pending" }
        : { kind: "miss", seen: undefined, expiresAtMs };
    }
    const seen = joinFences(runId, fences);
    const verdict = examine(ref, bytes, seen, this.#parts.sealer);
    if (verdict.kind === "valid") {
      this.#parts.local?.set(ref, verdict.entry);
      return found(verdict.entry, expiresAtMs);
    }
    if (verdict.kind !== "absent") this.#parts.alarm(ref, verdict.kind);
    return { kind: "miss", seen, expiresAtMs };
  }
}

function withWitness({ fenceKeys }: EntryRef, witness: FenceWitness | undefined): readonly string[] {
  return witness ? [...fenceKeys, ...witness.fenceKeys] : fenceKeys;
}

function found(entry: Entry, expiresAtMs: number): ReadOutcome {
  if (entry.staleAt > Date.now()) return { kind: "hit", entry };
  return { kind: "stale", entry, seen: entry.fences, expiresAtMs };
}
