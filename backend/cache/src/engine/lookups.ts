// Lookups: an entry from this process or from the store, believed only with the fences that are current.
import { PLAIN } from "../codec/encryption.js";
import type { Entry } from "../codec/entry.js";
import { isPending } from "../store/fence-token.js";
import type { ReadLease } from "../store/read-lease.js";
import { dependenciesOf, fencesOf } from "./carried-fences.js";
import { type EntryRef, examine } from "./entry-ref.js";
import { areSettled, joinFences } from "./fences.js";
import type { SharedStart } from "./fill-starts.js";
import { GroupedReads } from "./grouped-reads.js";
import type { LocalEntry } from "./local-entry.js";
import type { LookupParts } from "./lookup-parts.js";
import { Miss, type MissedRead, Stale } from "./miss.js";
import type { CarriedFences, FenceReading } from "./read-batch.js";
import type { CallerOutcome, ReadOutcome } from "./read-outcome.js";
import { endOfTurn } from "./turn.js";

const UNAVAILABLE: ReadOutcome = { kind: "bypass", reason: "store-unavailable" };
const WRITE_PENDING: ReadOutcome = { kind: "bypass", reason: "write-pending" };
const REVOKED: CallerOutcome = { kind: "revoked" };

export class Lookups {
  readonly #parts: LookupParts;
  readonly #reads: GroupedReads;
  /**
   * Whether the last read found no entry: then the next one most likely finds none, too, and takes the lease
   * at once.
   */
  #expectsMiss = true;
  #lease: ReadLease | undefined;

  constructor(parts: LookupParts) {
    this.#parts = parts;
    // Lent memory is for bodies that are sent as they were read. An entry that this process keeps needs
    // memory of its own; one that is decrypted gets it.
    const onLoan = parts.store.giveBack !== undefined && parts.local === undefined && parts.sealer === PLAIN;
    this.#reads = new GroupedReads(parts.store, parts.gate, onLoan);
  }

  /**
   * Has hits of refs that are leased rely on a read lease; false where the store gives none, or nothing is kept beside it.
   */
  leaseReads(): boolean {
    const { store, local } = this.#parts;
    if (!local) return false;
    this.#lease ??= store.leaseReads?.((fenceKeys) => this.#reads.forget(fenceKeys));
    return this.#lease !== undefined;
  }

  /**
   * Called before and after this process replaces fences: its own changes take effect for its own reads at
   * once.
   */
  forget(fenceKeys: readonly string[]): void {
    this.#reads.forget(fenceKeys);
  }

  /** The same where this process invalidates what all tenants have. */
  forgetAll(): void {
    this.#reads.forgetAll();
  }

  /**
   * Reads an entry; at once where the store cannot be asked. Its misses hold no lease. Never rejects.
   *
   * @param caller fences beside the entry's, as they were when the caller was allowed to see it; compared in
   *   the same round trip, and `revoked` where one has been replaced
   */
  read(ref: EntryRef): ReadOutcome | Promise<ReadOutcome>;
  read(ref: EntryRef, caller: FenceReading | undefined): CallerOutcome | Promise<CallerOutcome>;
  read(ref: EntryRef, caller?: FenceReading): CallerOutcome | Promise<CallerOutcome> {
    const local = this.#parts.local?.get(ref);
    // Asks nobody, so that it need not be known whether anybody could be asked.
    const recalled = local && this.#recall(ref, local, caller);
    if (recalled) return recalled;
    if (this.#parts.gate.state !== "closed") return this.#whenStarted(ref, caller);
    if (!local) return this.#fetch(ref, caller, this.#parts.gate.expiry());
    return this.#confirm(ref, local, caller, false);
  }

  /** Like {@link read}, for a request that fills what it misses: a miss may hold the lease already. */
  readToFill(ref: EntryRef): ReadOutcome | Promise<ReadOutcome> {
    const local = this.#parts.local?.get(ref);
    const recalled = local && this.#recall(ref, local, undefined);
    if (recalled) return recalled;
    if (this.#parts.gate.state !== "closed") return this.#whenStarted(ref, undefined);
    if (local) return this.#confirm(ref, local, undefined, true);
    const expiresAtMs = this.#parts.gate.expiry();
    return this.#expectsMiss ? this.#readOrBegin(ref, expiresAtMs) : this.#fetch(ref, undefined, expiresAtMs);
  }

  /**
   * For a request that no entry may answer, whatever is there.
   *
   * @param unusable the entry that was read, where it is valid but of no use to the caller
   */
  miss(ref: EntryRef, unusable?: Entry): Miss {
    const { fills, gate } = this.#parts;
    return new Miss(fills, ref, { seen: unusable?.fences, expiresAtMs: gate.expiry() });
  }

  /**
   * Reads fences that no entry depends on yet, and makes those that are missing. Resolves with `undefined`
   * where a guarded write is under way behind one of them; rejects as the gate does.
   */
  async readFences(fenceKeys: readonly string[]): Promise<FenceReading | undefined> {
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
   * Returns lent memory to the store, which uses it for other entries, of other tenants: only once nobody
   * will read the body of that {@link Hit} again, above all not the socket that it was written to. Where
   * nobody returns it, it is left to the garbage collector, which is safe.
   */
  giveBack(loan: Buffer): void {
    this.#parts.store.giveBack?.(loan);
  }

  /**
   * For a read that comes while the circuit is not closed. Before the store has answered for the first time,
   * it waits for that, as long as it would for an answer; later it does not wait.
   */
  #whenStarted(ref: EntryRef, caller: undefined): ReadOutcome | Promise<ReadOutcome>;
  #whenStarted(ref: EntryRef, caller: FenceReading | undefined): CallerOutcome | Promise<CallerOutcome>;
  #whenStarted(ref: EntryRef, caller: FenceReading | undefined): CallerOutcome | Promise<CallerOutcome> {
    const { gate } = this.#parts;
    const { starting } = gate;
    if (!starting) return UNAVAILABLE;
    const expiresAtMs = gate.expiry();
    const read = () => (gate.state === "closed" ? this.#fetch(ref, caller, expiresAtMs) : UNAVAILABLE);
    return gate.bound(starting.then(read), expiresAtMs).catch(() => UNAVAILABLE);
  }

  /** A hit at once, where the route's `freshness` or `maxStaleness` allows it. */
  #recall(ref: EntryRef, local: LocalEntry, caller?: FenceReading): Promise<ReadOutcome> | undefined {
    if (!this.#isUncut(ref, local) || local.staleAt <= Date.now()) return undefined;
    if (caller && !this.#recalls(ref, caller.fenceKeys, caller)) return undefined;
    this.#parts.counters.localHits++;
    return endOfTurn().then(() => ({ kind: "hit", entry: local }));
  }

  /** Whether it is known without the store that no fence has cut it off. */
  #isUncut(ref: EntryRef, local: LocalEntry): boolean {
    if (ref.maxStaleness === 0 && !ref.isLeased) return false;
    const { fenceKeys, carried } = dependenciesOf(ref, local);
    return this.#recalls(ref, fenceKeys, carried);
  }

  #recalls(ref: EntryRef, fenceKeys: readonly string[], carried: CarriedFences): boolean {
    const lease = ref.isLeased ? this.#lease : undefined;
    return this.#reads.recalls(fenceKeys, carried, ref.maxStaleness, lease);
  }

  /** For who only looks: the entry that would answer without the store; `mayBeStale`: past its TTL, too. */
  recalled(ref: EntryRef, mayBeStale = false): Entry | undefined {
    const local = this.#parts.local?.peek(ref);
    if (!local || !this.#isUncut(ref, local)) return undefined;
    return mayBeStale || local.staleAt > Date.now() ? local : undefined;
  }

  /**
   * The entry is in this process's memory: its fences must still be those in the store. A stale one is looked
   * for in the store, because another process may have refreshed it.
   */
  #confirm(ref: EntryRef, local: LocalEntry, caller: undefined, toFill: true): Promise<ReadOutcome>;
  #confirm(
    ref: EntryRef,
    local: LocalEntry,
    caller: FenceReading | undefined,
    toFill: false,
  ): Promise<CallerOutcome>;
  async #confirm(
    ref: EntryRef,
    local: LocalEntry,
    caller: FenceReading | undefined,
    toFill: boolean,
  ): Promise<CallerOutcome> {
    const expiresAtMs = this.#parts.gate.expiry();
    const { fenceKeys, carried } = dependenciesOf(ref, local);
    try {
      const answer = await this.#reads.read(withCaller(fenceKeys, caller));
      if (caller && !answer.confirms(caller.fenceKeys, caller)) return REVOKED;
      if (answer.confirms(fenceKeys, carried) && local.staleAt > Date.now()) {
        this.#parts.counters.localHits++;
        return { kind: "hit", entry: local };
      }
      this.#parts.local?.delete(ref);
      if (toFill) return await this.#readOrBegin(ref, expiresAtMs, expiresAtMs);
      const snapshot = await this.#parts.gate.run(
        () => this.#parts.store.read(ref.fenceKeys, [ref.entryKey]),
        expiresAtMs,
      );
      const bytes = snapshot.entries[0] ?? null;
      return await this.#judge(ref, snapshot.fences, snapshot.runId, bytes, expiresAtMs);
    } catch (error) {
      return this.#unavailable(ref, error);
    }
  }

  #fetch(ref: EntryRef, caller: undefined, expiresAtMs: number): Promise<ReadOutcome>;
  #fetch(ref: EntryRef, caller: FenceReading | undefined, expiresAtMs: number): Promise<CallerOutcome>;
  async #fetch(ref: EntryRef, caller: FenceReading | undefined, expiresAtMs: number): Promise<CallerOutcome> {
    try {
      const answer = await this.#reads.read(withCaller(ref.fenceKeys, caller), ref.entryKey);
      if (caller && !answer.confirms(caller.fenceKeys, caller)) return REVOKED;
      const fences = answer.fences(ref.fenceKeys);
      const bytes = answer.entry(ref.entryKey);
      const judged = this.#judge(ref, fences, answer.runId, bytes, expiresAtMs);
      const outcome = judged instanceof Promise ? await judged : judged;
      this.#note(outcome);
      if (outcome.kind !== "hit") return outcome;
      // Written out: V8 makes a hidden class for each object that is spread and added to.
      return { kind: "hit", entry: outcome.entry, loan: answer.loan(ref.entryKey) };
    } catch (error) {
      return this.#unavailable(ref, error);
    }
  }

  /**
   * Reads the entry and begins its fill in one round trip: a miss costs one less, a hit a script instead of a
   * part of an `MGET`.
   */
  async #readOrBegin(ref: EntryRef, expiresAtMs: number, withinMs?: number): Promise<ReadOutcome> {
    try {
      const begun = await this.#parts.fills.readOrBegin(ref, withinMs);
      const { fences, runId, entry, lease } = begun.answer;
      // The store takes no lease where an entry is there: if that turns out not to be valid, nothing has
      // begun.
      const mayHaveBegun = entry === null || lease !== "none";
      const judged = this.#judge(ref, fences, runId, entry, expiresAtMs, mayHaveBegun ? begun : undefined);
      const outcome = judged instanceof Promise ? await judged : judged;
      this.#note(outcome);
      if (outcome.kind !== "miss" || !mayHaveBegun) this.#parts.fills.drop(begun);
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

  /** @param begun what a miss goes on with, where the read has begun its fill */
  #judge(
    ref: EntryRef,
    fences: readonly (string | null)[],
    runId: string,
    bytes: Buffer | null,
    expiresAtMs: number,
    begun?: SharedStart,
  ): ReadOutcome | Promise<ReadOutcome> {
    const { fills, sealer } = this.#parts;
    if (!areSettled(fences)) {
      const pending = fences.some((fence) => fence !== null && isPending(fence));
      return pending ? WRITE_PENDING : new Miss(fills, ref, { seen: undefined, expiresAtMs, begun });
    }
    const seen = joinFences(runId, fences);
    const verdict = examine(ref, bytes, seen, sealer);
    if (verdict.kind === "valid") return this.#valid(ref, verdict.entry, { seen, expiresAtMs });
    if (verdict.kind === "by-tags") return this.#judgeTags(ref, verdict.entry, { seen, expiresAtMs, begun });
    if (verdict.kind !== "absent") this.#parts.alarm(ref, verdict.kind);
    const held = verdict.kind === "absent" ? verdict.held : undefined;
    return new Miss(fills, ref, { seen, expiresAtMs, begun, held });
  }

  #valid(ref: EntryRef, entry: Entry, read: MissedRead): ReadOutcome {
    this.#parts.local?.set(ref, entry);
    if (entry.staleAt > Date.now()) return { kind: "hit", entry };
    return new Stale(this.#parts.fills, ref, read, entry);
  }

  /** Some tag of the tenant was invalidated since the entry was stored: perhaps one of its own. */
  async #judgeTags(ref: EntryRef, entry: Entry, read: MissedRead): Promise<ReadOutcome> {
    const depends = fencesOf(ref, entry.fences);
    const answer = await this.#reads.read(depends.fenceKeys);
    if (!answer.confirms(depends.fenceKeys, depends)) {
      return new Miss(this.#parts.fills, ref, { ...read, held: entry });
    }
    const { seen, expiresAtMs } = read;
    return this.#valid(ref, entry, { seen, expiresAtMs });
  }
}

function withCaller(fenceKeys: readonly string[], caller: FenceReading | undefined): readonly string[] {
  return caller ? [...fenceKeys, ...caller.fenceKeys] : fenceKeys;
}
