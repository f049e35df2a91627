// Entries that the toolkit names by a key: written, removed and read in numbers, each behind a fence of its own.
// Tests: test/integration/toolkit-values.test.ts, test/integration/toolkit-batches.test.ts
import type { Origin } from "../cause-origin.js";
import type { Sealer } from "../codec/encryption.js";
import type { Entry } from "../codec/entry.js";
import { isPending } from "../store/fence-token.js";
import type { KeySpace } from "../store/key-space.js";
import type { TurnedFence } from "../store/keyed-store.js";
import type { FillStart, Store } from "../store/store.js";
import { keyedOf } from "../store/store-parts.js";
import { monotonicNow } from "../timers.js";
import type { Missed } from "./entry-memory.js";
import { type EntryRef, examine, type Verdict } from "./entry-ref.js";
import type { EntryWriter } from "./entry-writer.js";
import { areSettled, type FencedScope, joinFences } from "./fences.js";
import { entryOf, type Recording } from "./fill.js";
import { type StoreGate, StoreUnavailable } from "./store-gate.js";

/** An entry of the toolkit. The last of its fences is the key's own. */
export interface KeyedRef extends EntryRef {
  /** As the caller names it, without tenant and prefix. */
  readonly key: string;
  readonly fenceTtlMs: number;
}

/** Keys of a tenant that a pattern matches; of all modules where it names none. */
export interface Matching {
  readonly tenant: string;
  readonly module: string | undefined;
  readonly pattern: string;
}

/** What the engine lends. */
export interface KeyedParts {
  readonly store: Store;
  readonly keys: KeySpace;
  readonly gate: StoreGate;
  readonly writer: EntryWriter;
  readonly sealer: Sealer;
  /** Of the fences of tenants and modules. */
  readonly fenceTtlMs: number;
  /** Replaces fences, or leaves that to the recovery queue. */
  replace(tenant: string, fenceKeys: readonly string[], write: () => Promise<void>): Promise<boolean>;
  /** All that a tenant, or a module of it, has. Never rejects. */
  invalidate(scope: FencedScope, origin: Origin): Promise<boolean>;
  countInvalidation(confirmed: boolean, tenant: string, module: string | undefined): void;
  alarm(ref: EntryRef, problem: "corrupt" | "foreign"): void;
}

/** A valid entry, or what was found that is none. */
export type KeyedRead =
  | { readonly entry: Entry; readonly missed?: never }
  | { readonly entry?: never; readonly missed: Missed };

type KeyedRecording = readonly [ref: KeyedRef, recording: Recording];

/** Keys of one command: others wait for it in the server, and a longer one could outlast the budget. */
const MAX_BATCH = 500;
/** A walk through the keyspace takes longer than a request may. */
const REMOVE_MATCHING_WITHIN_MS = 60_000;

export class KeyedEntries {
  readonly #parts: KeyedParts;

  constructor(parts: KeyedParts) {
    this.#parts = parts;
  }

  /**
   * The valid entries, or what was found instead, in the order of the refs, from one round trip for each batch; all of
   * one tenant. `undefined` where the store is away; never rejects.
   */
  async readMany(refs: readonly EntryRef[]): Promise<readonly KeyedRead[] | undefined> {
    const found = await Promise.all(batchesOf(refs).map((batch) => this.#readBatch(batch)));
    return found.every((batch) => batch !== undefined) ? found.flat() : undefined;
  }

  async #readBatch(refs: readonly EntryRef[]): Promise<readonly KeyedRead[] | undefined> {
    const [first] = refs;
    if (!first) return [];
    const { store, gate, sealer } = this.#parts;
    const fenceKeys = [...new Set(refs.flatMap((ref) => ref.fenceKeys))];
    const positions = new Map(fenceKeys.map((key, position) => [key, position]));
    try {
      const entryKeys = refs.map((ref) => ref.entryKey);
      const snapshot = await gate.run(() => store.read(fenceKeys, entryKeys));
      return refs.map((ref, index) => {
        const fences = ref.fenceKeys.map((key) => snapshot.fences[positions.get(key) ?? -1] ?? null);
        if (!areSettled(fences)) return { missed: { seen: undefined } };
        const sealed = snapshot.entries[index] ?? null;
        const seen = joinFences(snapshot.runId, fences);
        const verdict = examine(ref, sealed, seen, sealer);
        const entry = this.#fresh(ref, verdict);
        if (entry) return { entry };
        const held = verdict.kind === "valid" ? verdict.entry : heldBy(verdict);
        return { missed: { seen, held } };
      });
    } catch (error) {
      this.#parts.writer.countFailure(first, error);
      return undefined;
    }
  }

  /**
   * Writes entries of one tenant whatever was there, after cutting off what is being loaded. Resolves, in the
   * order of the refs, with whether each is stored: not where the store is away, another write came between
   * or the tenant's quota forbids it; never rejects.
   */
  async write(entries: readonly KeyedRecording[]): Promise<readonly boolean[]> {
    const written = await Promise.all(batchesOf(entries).map((batch) => this.#writeBatch(batch)));
    return written.flat();
  }

  async #writeBatch(entries: readonly KeyedRecording[]): Promise<readonly boolean[]> {
    const refs = entries.map(([ref]) => ref);
    if (refs.length === 0) return [];
    // Both are sent before either is answered.
    const [turned, start] = await Promise.all([this.#turn(refs), this.#begin(refs)]);
    if (!turned || !start || start.fences.some(isPending)) return refs.map(() => false);
    const tokens = new Map(fencesOf(refs).map((key, index) => [key, start.fences[index] ?? ""]));
    for (const [index, ref] of refs.entries()) tokens.set(keyFenceOf(ref), turned[index]?.after ?? "");
    return Promise.all(entries.map(([ref, recording]) => this.#store(ref, start.runId, tokens, recording)));
  }

  /** Writes an entry only where there is none that is valid. Never rejects. */
  async writeIfAbsent(ref: KeyedRef, recording: Recording): Promise<boolean> {
    const start = await this.#begin([ref]);
    if (!start || start.fences.some(isPending)) return false;
    const fences = joinFences(start.runId, start.fences);
    const verdict = examine(ref, start.entry, fences, this.#parts.sealer);
    if (this.#fresh(ref, verdict)) return false;
    const entry = entryOf(recording, ref.identity, fences);
    return (await this.#parts.writer.write(ref, { tokens: start.fences }, entry, start.entry)) === "stored";
  }

  /**
   * Called before the source is changed. The returned function is called after that: it cuts off what was
   * there, and stores the new value. Where another write of the same key overlapped with this one, nobody
   * knows which of them the source took last: nothing is stored, and the next read asks the source.
   */
  async beginUpdate(ref: KeyedRef): Promise<(recording: Recording | undefined) => Promise<boolean>> {
    const start = await this.#begin([ref]);
    return async (recording) => {
      const [turned] = (await this.#turn([ref])) ?? [];
      const isAlone = turned !== undefined && start !== undefined && turned.before === start.fences.at(-1);
      if (!isAlone || !recording || start.fences.some(isPending)) return false;
      const tokens = new Map(ref.fenceKeys.map((key, index) => [key, start.fences[index] ?? ""]));
      tokens.set(keyFenceOf(ref), turned.after);
      return this.#store(ref, start.runId, tokens, recording);
    };
  }

  /**
   * Removes entries and counters. Resolves with false where that waits in the recovery queue; never rejects.
   */
  async remove(tenant: string, module: string, keys: readonly string[]): Promise<boolean> {
    const removals = batchesOf(keys).map((batch) => this.#removeBatch(tenant, module, batch));
    return (await Promise.all(removals)).every(Boolean);
  }

  async #removeBatch(tenant: string, module: string, keys: readonly string[]): Promise<boolean> {
    const names = this.#parts.keys;
    const fenceKeys = keys.map((key) => names.keyFence(tenant, key));
    const others = keys.flatMap((key) => [names.keyed(tenant, key), names.counter(tenant, key)]);
    const { store } = this.#parts;
    const confirmed = await this.#parts.replace(tenant, fenceKeys, () =>
      keyedOf(store).removeKeys([...fenceKeys, ...others]),
    );
    this.#parts.countInvalidation(confirmed, tenant, module);
    return confirmed;
  }

  /**
   * Cuts off all keys of a pattern in one step. Resolves with false where that waits in the recovery queue;
   * never rejects.
   */
  async cutOff(tenant: string, module: string, pattern: string): Promise<boolean> {
    const { store, keys, fenceTtlMs } = this.#parts;
    const fenceKeys = [keys.patternFence(tenant, pattern)];
    const cut = () => store.replaceFences(fenceKeys, fenceTtlMs);
    const confirmed = await this.#parts.replace(tenant, fenceKeys, cut);
    this.#parts.countInvalidation(confirmed, tenant, module);
    return confirmed;
  }

  /**
   * Removes all that matches. Where the store is away, or goes away meanwhile, the module is invalidated instead, or
   * all that the tenant has where the pattern names no module: routes miss for that, so it has a cause. Never rejects.
   *
   * @param origin who does that
   */
  async removeMatching(
    { tenant, module, pattern }: Matching,
    origin: Origin,
  ): Promise<{ readonly removed: number; readonly confirmed: boolean }> {
    const { store, keys, gate } = this.#parts;
    const match = {
      fencePrefix: keys.keyFence(tenant, ""),
      entryPrefix: keys.tenant(tenant),
      counterPrefix: keys.counter(tenant, ""),
      pattern,
    };
    try {
      await gate.starting;
      if (gate.state !== "closed") throw new StoreUnavailable("the circuit is open");
      const removal = keyedOf(store).removeMatching(match);
      const removed = await gate.bound(removal, monotonicNow() + REMOVE_MATCHING_WITHIN_MS);
      this.#parts.countInvalidation(true, tenant, module);
      return { removed, confirmed: true };
    } catch {
      const modules = module === undefined ? [] : [module];
      const scope = { tenant, modules, tags: [], everything: module === undefined };
      return { removed: 0, confirmed: await this.#parts.invalidate(scope, origin) };
    }
  }

  /** Gives the keys' fences new tokens; `undefined` where that waits in the recovery queue. */
  async #turn(refs: readonly KeyedRef[]): Promise<readonly TurnedFence[] | undefined> {
    const { store } = this.#parts;
    const [first] = refs;
    if (!first) return [];
    const fenceKeys = refs.map(keyFenceOf);
    let turned: readonly TurnedFence[] | undefined;
    const confirmed = await this.#parts.replace(first.tenant, fenceKeys, async () => {
      turned = await keyedOf(store).turnFences(fenceKeys, first.fenceTtlMs);
    });
    if (!confirmed) this.#parts.countInvalidation(false, first.tenant, first.module);
    return turned;
  }

  /** The tokens of all fences of the refs, in the order of {@link fencesOf}. */
  async #begin(refs: readonly KeyedRef[]): Promise<FillStart | undefined> {
    const [first] = refs;
    if (!first) return undefined;
    const { store, gate } = this.#parts;
    const { entryKey, fenceTtlMs } = first;
    try {
      return await gate.run(() => store.beginFill({ entryKey, fenceKeys: fencesOf(refs), fenceTtlMs }));
    } catch (error) {
      this.#parts.writer.countFailure(first, error);
      return undefined;
    }
  }

  async #store(
    ref: KeyedRef,
    runId: string,
    tokens: ReadonlyMap<string, string>,
    recording: Recording,
  ): Promise<boolean> {
    const own = ref.fenceKeys.map((key) => tokens.get(key) ?? "");
    const entry = entryOf(recording, ref.identity, joinFences(runId, own));
    return (await this.#parts.writer.write(ref, { tokens: own }, entry)) === "stored";
  }

  #fresh(ref: EntryRef, verdict: Verdict): Entry | undefined {
    if (verdict.kind === "corrupt" || verdict.kind === "foreign") this.#parts.alarm(ref, verdict.kind);
    return verdict.kind === "valid" && verdict.entry.staleAt > Date.now() ? verdict.entry : undefined;
  }
}

function heldBy(verdict: Verdict): Entry | undefined {
  return verdict.kind === "absent" ? verdict.held : undefined;
}

function batchesOf<T>(all: readonly T[]): (readonly T[])[] {
  const batches: (readonly T[])[] = [];
  for (let start = 0; start < all.length; start += MAX_BATCH)
    batches.push(all.slice(start, start + MAX_BATCH));
  return batches;
}

function keyFenceOf(ref: KeyedRef): string {
  return ref.fenceKeys.at(-1) ?? "";
}

/** Without repeats: keys of one tenant share most of their fences. */
function fencesOf(refs: readonly KeyedRef[]): string[] {
  return [...new Set(refs.flatMap((ref) => ref.fenceKeys))];
}
