// Values behind keys: what spaces and collections do, on the engine's reads and fills.
// Tests: test/integration/toolkit-loads.test.ts, test/integration/toolkit-values.test.ts

import { formatCacheStatus } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { Fill, FillOutcome } from "../engine/fill.js";
import type { KeyedRef } from "../engine/keyed-entries.js";
import type { Miss, Stale } from "../engine/miss.js";
import type { ReadOutcome } from "../engine/read-outcome.js";
import type { Refreshes } from "../engine/refreshes.js";
import { TenantCacheError } from "../errors.js";
import type { Logger } from "../logger.js";
import { messageOf } from "../thrown.js";
import type { KeyedCacheOptions } from "./keyed-cache-options.js";
import { type Found, type Looked, lookedAt, missed } from "./looked.js";
import { loadObserved } from "./observed-load.js";
import { loadShared } from "./shared-loads.js";
import { decodeValue } from "./value-codec.js";
import { ValueNotes } from "./value-notes.js";
import type { ValueRules } from "./value-options.js";
import { type RecordedValue, recordValue, tooLarge } from "./value-record.js";

export type Load<T> = () => T | PromiseLike<T>;

/** @internal */
export class KeyedCache {
  readonly #engine: CacheEngine;
  readonly #logger: Logger;
  readonly #notes: ValueNotes;
  readonly #refreshes: Refreshes;
  readonly #maxInflatedBytes: number;
  readonly #observeOnly: boolean;
  #hasWarned = false;

  /** @internal */
  constructor(engine: CacheEngine, logger: Logger, options: KeyedCacheOptions) {
    this.#engine = engine;
    this.#logger = logger;
    this.#maxInflatedBytes = options.maxInflatedBytes;
    this.#observeOnly = options.observeOnly;
    this.#notes = new ValueNotes(engine);
    this.#refreshes = options.refreshes;
  }

  async get(ref: KeyedRef, rules: ValueRules): Promise<unknown> {
    if (this.#observeOnly) return this.#notes.observed(ref);
    const found = await this.#found(ref, rules, await this.#engine.lookups.read(ref));
    if (found.kind === "value") return this.#notes.hit("hit", ref, found.value);
    if (found.kind === "bypass") return this.#notes.bypassed(found.reason, ref);
    return this.#notes.missed(ref, found.miss.found, "looks");
  }

  /** Values in the order of the refs, from one round trip. */
  async getMany(refs: readonly KeyedRef[], rules: ValueRules): Promise<unknown[]> {
    if (this.#observeOnly) return refs.map((ref) => this.#notes.observed(ref));
    const reads = await this.#engine.keyed.readMany(refs);
    return Promise.all(
      refs.map(async (ref, index) => {
        const read = reads?.[index];
        if (!read) return this.#notes.bypassed("store-unavailable", ref);
        const decoded = read.entry && (await this.#decode(ref, read.entry, rules));
        if (decoded) return this.#notes.hit("hit", ref, decoded.value);
        return this.#notes.missed(ref, read.missed ?? { seen: undefined }, "looks");
      }),
    );
  }

  /** Seconds until the value is too old; `undefined` where there is none. */
  async remainingSeconds(ref: KeyedRef): Promise<number | undefined> {
    const outcome = await this.#engine.lookups.read(ref);
    if (outcome.kind !== "hit") return undefined;
    return Math.max(0, Math.ceil((outcome.entry.staleAt - Date.now()) / 1000));
  }

  /** @throws TenantCacheError `ETC_VALUE`, `ETC_VALUE_TOO_LARGE`, `ETC_TTL` */
  async set(ref: KeyedRef, value: unknown, rules: ValueRules): Promise<boolean> {
    const [stored = false] = await this.setMany([[ref, value, rules]]);
    return stored;
  }

  /** All of one tenant. @throws as {@link set} does, once what cannot be stored has been removed */
  async setMany(items: readonly (readonly [KeyedRef, unknown, ValueRules])[]): Promise<boolean[]> {
    const recorded = await Promise.all(
      items.map(async ([ref, value, rules]) => {
        this.#engine.events.asked(ref);
        if (value === undefined)
          throw new TenantCacheError(
            "ETC_VALUE",
            `${ref.key}: undefined is no value; delete the key instead`,
          );
        return { ref, rules, ...(await recordValue(value, rules, "as-value", this.#maxInflatedBytes)) };
      }),
    );
    const unkept = recorded.filter((item) => item.unkept !== undefined);
    // What is there is older than what was to be stored, whatever becomes of that.
    await Promise.all(unkept.map(({ ref }) => this.remove(ref.tenant, ref.module, [ref.key])));
    for (const { ref, rules, recording, unkept: why } of unkept)
      if (why === "too-large" && rules.onTooLarge === "throw")
        throw tooLarge(ref.key, recording.body.length, rules, this.#maxInflatedBytes);
    const kept = recorded.filter((item) => item.unkept === undefined);
    if (this.#observeOnly) {
      for (const { ref, recording } of kept) this.#notes.written(ref, recording);
      return items.map(() => false);
    }
    const stored = new Set<KeyedRef>();
    const always = kept.filter(({ rules }) => !rules.nx);
    const writing = this.#engine.keyed.write(always.map(({ ref, recording }) => [ref, recording]));
    const writingOnce = kept
      .filter(({ rules }) => rules.nx)
      .map(async ({ ref, recording }) => {
        if (await this.#engine.keyed.writeIfAbsent(ref, recording)) stored.add(ref);
      });
    const written = await writing;
    for (const [index, { ref }] of always.entries()) if (written[index]) stored.add(ref);
    await Promise.all(writingOnce);
    for (const { ref, recording } of kept) if (stored.has(ref)) this.#notes.written(ref, recording);
    return items.map(([ref]) => stored.has(ref));
  }

  async getOrSet<T>(ref: KeyedRef, load: Load<T>, rules: ValueRules): Promise<T> {
    return (await this.lookUp(ref, load, rules)).value;
  }

  /** As {@link getOrSet}, with what happened. */
  async lookUp<T>(ref: KeyedRef, load: Load<T>, rules: ValueRules): Promise<Looked<T>> {
    if (ref.figures) ref.figures.staleSeconds = rules.staleWhileRevalidate;
    if (this.#observeOnly)
      return loadObserved(this.#engine.advisor, ref, load, (value) => this.#record(ref, value, rules));
    this.#engine.events.asked(ref);
    const found = await this.#found(ref, rules, await this.#engine.lookups.readToFill(ref));
    if (found.kind === "value") {
      this.#notes.note("hit", ref);
      return lookedAt(found.value as T, found.entry);
    }
    if (found.kind === "bypass") {
      this.#notes.bypassed(found.reason, ref);
      const { reason } = found;
      const record = (value: T) => this.#record(ref, value, rules);
      const decode = (entry: Entry) => this.#decode(ref, entry, rules);
      return loadShared(this.#engine.shared, { ref, reason, load, record, decode });
    }
    if (found.kind === "stale" && Date.now() < found.entry.staleAt + rules.staleWhileRevalidate * 1000) {
      this.#refreshes.start(ref.entryKey, () => this.#fill(ref, load, rules, found.miss));
      this.#notes.note("stale", ref);
      return lookedAt(found.value as T, found.entry);
    }
    this.#notes.missed(ref, found.miss.found, "runs");
    return this.#fill(ref, load, rules, found.miss);
  }

  /** @throws what `write` throws */
  async update<T>(ref: KeyedRef, write: Load<T>, rules: ValueRules): Promise<T> {
    this.#engine.events.asked(ref);
    const finish = await this.#engine.keyed.beginUpdate(ref);
    let recorded: RecordedValue | undefined;
    try {
      const value = await write();
      recorded = await this.#record(ref, value, rules);
      return value;
    } finally {
      // Also where the write failed: whether it took effect is not known.
      const recording = recorded?.unkept === undefined ? recorded?.recording : undefined;
      const isStored = await finish(this.#observeOnly ? undefined : recording);
      if (recording && (isStored || this.#observeOnly)) this.#notes.written(ref, recording);
    }
  }

  remove(tenant: string, domain: string, keys: readonly string[]): Promise<boolean> {
    return this.#engine.keyed.remove(tenant, domain, keys);
  }

  /** Resolves when no refresh is under way. */
  idle(): Promise<void> {
    return this.#refreshes.idle();
  }

  async #found(ref: KeyedRef, rules: ValueRules, outcome: ReadOutcome): Promise<Found> {
    if (outcome.kind === "bypass") return { kind: "bypass", reason: outcome.reason };
    if (outcome.kind === "miss") return { kind: "none", miss: outcome };
    const { entry } = outcome;
    const decoded = await this.#decode(ref, entry, rules);
    if (!decoded) return { kind: "none", miss: this.#engine.lookups.miss(ref, entry) };
    const { value } = decoded;
    if (outcome.kind === "hit") return { kind: "value", value, entry };
    return { kind: "stale", value, entry, miss: outcome };
  }

  async #fill<T>(ref: KeyedRef, load: Load<T>, rules: ValueRules, miss: Miss | Stale): Promise<Looked<T>> {
    const outcome: FillOutcome = await miss.open();
    switch (outcome.kind) {
      case "lead":
        return this.#lead(ref, load, rules, outcome.fill);
      case "failed":
        throw outcome.error;
      case "run":
        return missed(await load(), outcome.reason);
      case "follow": {
        const decoded = await this.#decode(ref, outcome.entry, rules);
        // Another version of this program may have loaded it.
        if (!decoded) return missed(await load(), "unstorable");
        this.#notes.note("collapsed", ref);
        return {
          value: decoded.value as T,
          cacheStatus: formatCacheStatus({ fwd: "miss", collapsed: true }),
        };
      }
    }
  }

  /** `undefined` for what is no value, or not one that the schema knows: removed, and a counted alarm. */
  async #decode(ref: KeyedRef, entry: Entry, { schema }: ValueRules): ReturnType<typeof decodeValue> {
    const decoded = await decodeValue(entry, schema, this.#maxInflatedBytes);
    if (!decoded) await this.#engine.discard(ref);
    return decoded;
  }

  async #lead<T>(ref: KeyedRef, load: Load<T>, rules: ValueRules, fill: Fill): Promise<Looked<T>> {
    let value: T;
    try {
      value = await load();
    } catch (error) {
      fill.fail(error);
      throw error;
    }
    const recorded = await this.#record(ref, value, rules);
    const unkept = recorded ? recorded.unkept : "value";
    if (unkept !== undefined) this.#notes.unkept(ref, unkept);
    if (!recorded) fill.abandon("unstorable");
    else if (unkept === undefined) fill.commit(recorded.recording);
    else fill.share(recorded.recording);
    return missed(value, unkept);
  }

  /** What a source returned is not kept back because it cannot be stored: that is said once. */
  async #record(ref: KeyedRef, value: unknown, rules: ValueRules): Promise<RecordedValue | undefined> {
    try {
      const recorded = await recordValue(value, rules, "negative-ttl", this.#maxInflatedBytes);
      if (recorded.unkept === "too-large")
        this.#warn(tooLarge(ref.key, recorded.recording.body.length, rules, this.#maxInflatedBytes));
      return recorded;
    } catch (error) {
      this.#warn(error);
      return undefined;
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const reason = messageOf(error);
    this.#logger.warn(`express-tenant-cache: a value was not stored (${reason}); said once`);
  }
}
