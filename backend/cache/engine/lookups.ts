// Lookups: an entry from this process or from the store, believed only with the fences that are current.
import type { Sealer } from "../codec/encryption.js";
import type { Entry } from "../codec/entry.js";
import { isPending } from "../store/fence-token.js";
import type { Store } from "../store/store.js";
import { type EntryRef, examine } from "./entry-ref.js";
import type { EntryWriter } from "./entry-writer.js";
import { areSettled, joinFences } from "./fences.js";
import { type FenceWitness, GroupedReads } from "./grouped-reads.js";
import type { LocalEntries, LocalEntry } from "./local-entries.js";
import type { StoreGate } from "./store-gate.js";
import { endOfTurn } from "./turn.js";

/** What a fill goes on from. */
export interface Miss {
  /** The fences that were read, where all were there. */
  readonly seen: string | undefined;
  /** Until when the request may wait for the store, on the clock of `performance.now()`. */
  readonly expiresAtMs: number;
  /** The request asks for an answer that was made after this, milliseconds since the epoch. */
  readonly notBeforeMs?: number;
}

export type ReadOutcome =
  | { readonly kind: "hit"; readonly entry: Entry }
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
  readonly fenceTtlMs: number;
  alarm(ref: EntryRef, problem: "corrupt" | "foreign"): void;
}

export class Lookups {
  readonly #parts: LookupParts;
  readonly #reads: GroupedReads;

  constructor(parts: LookupParts) {
    this.#parts = parts;
    this.#reads = new GroupedReads(parts.store, parts.gate);
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
    if (this.#parts.gate.state !== "closed") return UNAVAILABLE;
    const local = this.#parts.local?.get(ref);
    if (!local) return this.#fetch(ref, witness, this.#parts.gate.expiry());
    const isKnown =
      ref.maxStaleness > 0 &&
      this.#reads.recalls(ref.fenceKeys, local.carried, ref.maxStaleness) &&
      (!witness || this.#reads.recalls(witness.fenceKeys, witness, ref.maxStaleness));
    if (isKnown && local.staleAt > Date.now()) return endOfTurn().then(() => ({ kind: "hit", entry: local }));
    return this.#confirm(ref, local, witness, this.#parts.gate.expiry());
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
   * The entry is in this process's memory: its fences must still be those in the store. A stale one is looked for in the store,
   * because another process may have refreshed it.
   */
  async #confirm(
    ref: EntryRef,
    local: LocalEntry,
    witness: FenceWitness | undefined,
    expiresAtMs: number,
  ): Promise<WitnessedOutcome> {
    try {
      const answer = await this.#reads.read(withWitness(ref, witness));
      if (witness && !answer.confirms(witness.fenceKeys, witness)) return UNWITNESSED;
      if (answer.confirms(ref.fenceKeys, local.carried) && local.staleAt > Date.now())
        return { kind: "hit", entry: local };
      this.#parts.local?.delete(ref);
      const snapshot = await this.#parts.gate.run(
        () => this.#parts.store.read(ref.fenceKeys, [ref.entryKey]),
        expiresAtMs,
      );
      return this.#judge(ref, snapshot.fences, snapshot.runId, snapshot.entries[0] ?? null, expiresAtMs);
    } catch (error) {
      this.#parts.writer.countFailure(ref, error);
      return UNAVAILABLE;
    }
  }

  async #fetch(
    ref: EntryRef,
    witness: FenceWitness | undefined,
    expiresAtMs: number,
  ): Promise<WitnessedOutcome> {
    try {
      const answer = await this.#reads.read(withWitness(ref, witness), ref.entryKey);
      if (witness && !answer.confirms(witness.fenceKeys, witness)) return UNWITNESSED;
      const fences = answer.fences(ref.fenceKeys);
      return this.#judge(ref, fences, answer.runId, answer.entry(ref.entryKey), expiresAtMs);
    } catch (error) {
      this.#parts.writer.countFailure(ref, error);
      return UNAVAILABLE;
    }
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
