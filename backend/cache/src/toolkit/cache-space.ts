// A tenant's keys, or those below a prefix of them: the toolkit's operations by key.
// Tests: test/integration/toolkit-values.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { limitArguments, requireArray, requireFunction, requireItems } from "../options/arguments.js";
import { parse, registerCall } from "../options/parse.js";
import { domainOf, requireKey } from "./key-syntax.js";
import type { Load } from "./keyed-cache.js";
import type { LockOptions } from "./locks.js";
import { type CounterOptions, parseCounterOptions } from "./state-counters.js";
import {
  deleteKeys,
  deleteMatching,
  demandEncryption,
  type PatternDeletion,
  type ToolkitContext,
} from "./toolkit-context.js";
import {
  type GetOrSetOptions,
  parseValueOptions,
  type SetOnceOptions,
  type SetOptions,
  type ValueCall,
  type ValueOptions,
  type ValueRules,
} from "./value-options.js";

/** One value of `mSet`. */
export interface SetItem<T = unknown> extends SetOnceOptions<T> {
  readonly key: string;
  readonly value: T;
}

const flushOptions = z.strictObject({ force: z.boolean().default(false) });

registerCall("flush", "flush({ force: true })", flushOptions);

/**
 * Values of one tenant. Where the store is away `get` finds nothing, `getOrSet` loads, and `set` and `delete`
 * resolve with false and are made good before this process trusts the store again; counters and locks reject.
 * What is read is what JSON makes of a value; texts and Buffers stay what they are.
 */
export class CacheSpace {
  static {
    const many = 'mGet(["users:1", "users:2"]) for several keys';
    limitArguments(CacheSpace, {
      get: [1, many],
      mGet: [1, 'the keys as an array: mGet(["users:1", "users:2"])'],
      set: [3, "set(key, value, { ttlSeconds: 60, nx: true })"],
      mSet: [2, "the items as an array: mSet([{ key, value }], { ttlSeconds: 60 })"],
      getOrSet: [3, "getOrSet(key, load, { ttlSeconds: 60 })"],
      update: [3, "update(key, write, { ttlSeconds: 60 })"],
      deletePattern: [1, "a call for each pattern"],
      exists: [1, `a call for each key, or ${many}`],
      ttl: [1, "a call for each key"],
      increment: [3, "increment(key, 1, { ttlSeconds: 60 })"],
      decrement: [3, "decrement(key, 1, { ttlSeconds: 60 })"],
      count: [1, "a call for each counter"],
      flush: [1, "flush({ force: true })"],
      withLock: [3, "withLock(key, { waitMs: 1000 }, work)"],
      namespace: [2, 'namespace("users:profile", { ttlSeconds: 60 })'],
    });
  }

  readonly #context: ToolkitContext;
  readonly #tenant: string;
  readonly #prefix: string;
  readonly #rules: ValueRules;
  readonly #counterTtlSeconds: number;

  /**
   * Internal: spaces come from `cache.manager.tenant(id)`.
   * @internal
   */
  constructor(
    context: ToolkitContext,
    tenant: string,
    prefix: string,
    rules: ValueRules,
    counterTtlSeconds = context.ttl.DAY,
  ) {
    this.#context = context;
    this.#tenant = tenant;
    this.#prefix = prefix;
    this.#rules = rules;
    this.#counterTtlSeconds = counterTtlSeconds;
  }

  /** The value, or `undefined` where there is none that is valid. @throws TenantCacheError `ETC_KEY` */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    return (await this.#context.cache.get(this.#ref(key), this.#rules)) as T | undefined;
  }

  /** Values in the order of the keys, from one round trip. @throws TenantCacheError `ETC_KEY` */
  async mGet<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    requireArray("mGet", keys, "what is asked for", 'mGet(["users:1", "users:2"])');
    const refs = keys.map((key) => this.#ref(key));
    return (await this.#context.cache.getMany(refs, this.#rules)) as (T | undefined)[];
  }

  /**
   * Stores a value; what is being loaded for the key at this moment is not stored after it.
   *
   * @param ttl seconds, or options
   * @returns whether it is stored: not where the store is away, another write came between, it is larger than
   *   `maxBytesPerTenant`, or, with `nx`, a value was there
   * @throws TenantCacheError `ETC_KEY`, `ETC_TTL`, `ETC_OPTIONS`, `ETC_VALUE`, `ETC_VALUE_TOO_LARGE`
   */
  async set<T>(key: string, value: T, ttl?: number | SetOnceOptions<T>): Promise<boolean> {
    return this.#context.cache.set(this.#ref(key), value, this.#over("set", ttl));
  }

  /**
   * Stores many values in as many round trips as one.
   *
   * @returns for each whether it is stored
   * @throws as {@link set} does, and then stores none
   */
  async mSet<T>(items: readonly SetItem<T>[], ttl?: number | SetOptions<T>): Promise<boolean[]> {
    const rules = this.#over("mSet", ttl);
    requireItems("mSet", items, "mSet([{ key, value }])");
    return this.#context.cache.setMany(
      items.map((item) => {
        const { key, value, ...own } = item;
        return [this.#ref(key), value, parseValueOptions("an item of mSet", own, rules)];
      }),
    );
  }

  /**
   * The value, or what `load` resolves with, which is then stored unless the key was deleted or set
   * meanwhile. However many ask at a time, in this process or others, one loads; where that takes longer than
   * `fill.waitMs` the others load too.
   *
   * @param ttl seconds, or options
   * @throws what `load` throws; TenantCacheError `ETC_KEY`, `ETC_TTL`, `ETC_OPTIONS`
   */
  async getOrSet<T>(key: string, load: Load<T>, ttl?: number | GetOrSetOptions<T>): Promise<T> {
    requireFunction("getOrSet", load, "the load", "getOrSet(key, () => load(), { ttlSeconds: 60 })");
    return this.#context.cache.getOrSet(this.#ref(key), load, this.#over("getOrSet", ttl));
  }

  /**
   * Changes the source, and then the cache: `write` changes it and resolves with the new value. Where two
   * updates of a key overlap neither value is stored, because nobody knows which came last: the next read
   * asks the source.
   *
   * @throws what `write` throws, once the key has been cut off; TenantCacheError `ETC_KEY`, `ETC_TTL`,
   *   `ETC_OPTIONS`
   */
  async update<T>(key: string, write: Load<T>, ttl?: number | GetOrSetOptions<T>): Promise<T> {
    requireFunction("update", write, "the write", "update(key, () => write(), { ttlSeconds: 60 })");
    return this.#context.cache.update(this.#ref(key), write, this.#over("update", ttl));
  }

  /**
   * Removes values and counters. What is being loaded for the keys at this moment is not stored.
   *
   * @returns true once the store has confirmed; false where it is away: the values are then cut off before
   *   this process trusts the store again, and counters, which are state, stay
   * @throws TenantCacheError `ETC_KEY`
   */
  async delete(...keys: readonly string[]): Promise<boolean> {
    return deleteKeys(
      this.#context,
      this.#tenant,
      keys.map((key) => this.#full(key)),
    );
  }

  /**
   * Removes all keys that match, counters too. Walks through the keys of the server (SCAN, UNLINK): for a
   * collection `deleteAll` takes one step instead.
   *
   * @param pattern its only wildcard is `*`
   * @throws TenantCacheError `ETC_KEY`
   */
  async deletePattern(pattern: string): Promise<PatternDeletion> {
    return this.#deleteMatching(pattern, "deletePattern");
  }

  /** Whether `get` would find a value; false where the store is away. @throws TenantCacheError `ETC_KEY` */
  async exists(key: string): Promise<boolean> {
    return (await this.ttl(key)) !== undefined;
  }

  /**
   * Seconds until the value is too old; `undefined` where there is none. @throws TenantCacheError `ETC_KEY`
   */
  async ttl(key: string): Promise<number | undefined> {
    return this.#context.cache.remainingSeconds(this.#ref(key));
  }

  /**
   * Adds to a counter, as one step with its TTL. Counters are not values: `get` does not find them,
   * {@link count} does.
   *
   * @throws TenantCacheError `ETC_STORE_AWAY`, `ETC_KEY`, `ETC_VALUE`, `ETC_TTL`
   */
  async increment(key: string, by = 1, options: CounterOptions = {}): Promise<number> {
    const { ttlSeconds } = parseCounterOptions(options);
    const ttl = ttlSeconds ?? this.#counterTtlSeconds;
    return this.#context.counters.add(this.#counterKey(key), this.#full(key), by, ttl);
  }

  /** @throws as {@link increment} does */
  async decrement(key: string, by = 1, options: CounterOptions = {}): Promise<number> {
    // Anything else is refused there, as it was given.
    return this.increment(key, typeof by === "number" ? -by : by, options);
  }

  /**
   * A counter's value; `undefined` before its first addition. @throws TenantCacheError `ETC_STORE_AWAY`,
   * `ETC_KEY`, `ETC_VALUE`
   */
  async count(key: string): Promise<number | undefined> {
    return this.#context.counters.read(this.#counterKey(key), this.#full(key));
  }

  /**
   * Removes all values and counters of the space, and nothing else.
   *
   * @throws TenantCacheError `ETC_FLUSH_REFUSED` where NODE_ENV is "production", unless `force` is true;
   *   `ETC_OPTIONS`
   */
  async flush(options: { readonly force?: boolean } = {}): Promise<PatternDeletion> {
    const { force } = parse("flush", flushOptions, options);
    if (process.env.NODE_ENV === "production" && !force) {
      throw new TenantCacheError(
        "ETC_FLUSH_REFUSED",
        "flush empties the cache of a system in production: if you mean it, write flush({ force: true })",
      );
    }
    return this.#deleteMatching("*", "flush");
  }

  #deleteMatching(pattern: string, call: string): Promise<PatternDeletion> {
    return deleteMatching(this.#context, this.#tenant, this.#full(pattern), call);
  }

  /**
   * Runs `work` while nobody else does under the same name, in any process. Its signal aborts where the lock
   * is lost: the store forgot it, or could not be reached for `ttlMs`.
   *
   * @throws what `work` throws; TenantCacheError `ETC_LOCK_TIMEOUT`, `ETC_LOCK_LOST`, `ETC_STORE_AWAY`,
   *   `ETC_KEY`, `ETC_OPTIONS`
   */
  async withLock<T>(
    key: string,
    options: LockOptions,
    work: (signal: AbortSignal) => T,
  ): Promise<Awaited<T>> {
    requireFunction("withLock", work, "the work", "withLock(key, {}, (signal) => work(signal))");
    const name = this.#full(key);
    return this.#context.locks.hold(this.#context.names.lock(this.#tenant, name), name, options, work);
  }

  /**
   * The same operations below `<name>:`, with defaults of their own.
   *
   * @param options seconds, or options
   * @throws TenantCacheError `ETC_KEY`, `ETC_TTL`, `ETC_OPTIONS`
   */
  namespace(name: string, options?: number | ValueOptions): CacheSpace {
    const prefix = this.#full(name);
    domainOf(prefix);
    const rules = this.#over("namespace", options);
    demandEncryption(this.#context, `namespace ${prefix}`, rules.encrypt);
    // What no namespace has said is the default of values, which would end a daily quota after minutes.
    const isGiven = typeof options === "number" || options?.ttlSeconds !== undefined;
    const counterTtlSeconds =
      isGiven && typeof rules.ttlSeconds === "number" ? rules.ttlSeconds : this.#counterTtlSeconds;
    return new CacheSpace(this.#context, this.#tenant, `${prefix}:`, rules, counterTtlSeconds);
  }

  /** Below a prefix what is missing would be the key "undefined", which all that miss would share. */
  #full(key: string): string {
    return this.#prefix + requireKey(key);
  }

  #ref(key: string) {
    return this.#context.names.ref(this.#tenant, this.#full(key));
  }

  #counterKey(key: string): string {
    return this.#context.names.counter(this.#tenant, this.#full(key));
  }

  #over(call: ValueCall, options: unknown): ValueRules {
    if (typeof options === "number" && call !== "namespace") this.#context.misuse.given(call, options);
    return parseValueOptions(call, options, this.#rules);
  }
}
