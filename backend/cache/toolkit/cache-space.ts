// A tenant's keys, or those below a prefix of them: the toolkit's operations by key.
import { TenantCacheError } from "../errors.js";
import { domainOf } from "./key-names.js";
import type { Load } from "./keyed-cache.js";
import type { LockOptions } from "./locks.js";
import type { CounterOptions } from "./state-counters.js";
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
  type ValueOptions,
  type ValueRules,
} from "./value-options.js";

/** One value of `mSet`. */
export interface SetItem<T = unknown> extends SetOnceOptions<T> {
  readonly key: string;
  readonly value: T;
}

/**
 * Values of one tenant. Where the store is away `get` finds nothing, `getOrSet` loads, and `set` and `delete` resolve with false and are
 * made good before this process trusts the store again; counters and locks reject. What is read is what JSON makes of a value; texts and
 * Buffers stay what they are.
 */
export class CacheSpace {
  readonly #context: ToolkitContext;
  readonly #tenant: string;
  readonly #prefix: string;
  readonly #rules: ValueRules;

  /** Internal: spaces come from `cache.manager.tenant(id)`. */
  constructor(context: ToolkitContext, tenant: string, prefix: string, rules: ValueRules) {
    this.#context = context;
    this.#tenant = tenant;
    this.#prefix = prefix;
    this.#rules = rules;
  }

  /** The value, or `undefined` where there is none that is valid. @throws TenantCacheError `ETC_KEY` */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    return (await this.#context.cache.get(this.#ref(key), this.#rules)) as T | undefined;
  }

  /** Values in the order of the keys, from one round trip. @throws TenantCacheError `ETC_KEY` */
  async mGet<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]> {
    const refs = keys.map((key) => this.#ref(key));
    return (await this.#context.cache.getMany(refs, this.#rules)) as (T | undefined)[];
  }

  /**
   * Stores a value; what is being loaded for the key at this moment is not stored after it.
   *
   * @param ttl seconds, or options
   * @returns whether it is stored: not where the store is away, another write came between, it is larger than `maxBytesPerTenant`, or,
   *   with `nx`, a value was there
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
    return this.#context.cache.setMany(
      items.map(({ key, value, ...own }) => [this.#ref(key), value, parseValueOptions("mSet", own, rules)]),
    );
  }

  /**
   * The value, or what `load` resolves with, which is then stored unless the key was deleted or set meanwhile. However many ask at a
   * time, in this process or others, one loads; where that takes longer than `fill.waitMs` the others load too.
   *
   * @param ttl seconds, or options
   * @throws what `load` throws; TenantCacheError `ETC_KEY`, `ETC_TTL`, `ETC_OPTIONS`
   */
  async getOrSet<T>(key: string, load: Load<T>, ttl?: number | GetOrSetOptions<T>): Promise<T> {
    return this.#context.cache.getOrSet(this.#ref(key), load, this.#over("getOrSet", ttl));
  }

  /**
   * Changes the source, and then the cache: `write` changes it and resolves with the new value. Where two updates of a key overlap neither
   * value is stored, because nobody knows which came last: the next read asks the source.
   *
   * @throws what `write` throws, once the key has been cut off; TenantCacheError `ETC_KEY`, `ETC_TTL`, `ETC_OPTIONS`
   */
  async update<T>(key: string, write: Load<T>, ttl?: number | GetOrSetOptions<T>): Promise<T> {
    return this.#context.cache.update(this.#ref(key), write, this.#over("update", ttl));
  }

  /**
   * Removes values and counters. What is being loaded for the keys at this moment is not stored.
   *
   * @returns true once the store has confirmed; false where it is away: the values are then cut off before this process trusts the
   *   store again, and counters, which are state, stay
   * @throws TenantCacheError `ETC_KEY`
   */
  async delete(...keys: readonly string[]): Promise<boolean> {
    return deleteKeys(
      this.#context,
      this.#tenant,
      keys.map((key) => this.#prefix + key),
    );
  }

  /**
   * Removes all keys that match, counters too. Walks through the keys of the server (SCAN, UNLINK): for a collection `deleteAll` takes
   * one step instead.
   *
   * @param pattern its only wildcard is `*`
   * @throws TenantCacheError `ETC_KEY`
   */
  async deletePattern(pattern: string): Promise<PatternDeletion> {
    return deleteMatching(this.#context, this.#tenant, this.#prefix + pattern);
  }

  /** Whether `get` would find a value; false where the store is away. @throws TenantCacheError `ETC_KEY` */
  async exists(key: string): Promise<boolean> {
    return (await this.ttl(key)) !== undefined;
  }

  /** Seconds until the value is too old; `undefined` where there is none. @throws TenantCacheError `ETC_KEY` */
  async ttl(key: string): Promise<number | undefined> {
    return this.#context.cache.remainingSeconds(this.#ref(key));
  }

  /**
   * Adds to a counter, as one step with its TTL. Counters are not values: `get` does not find them, {@link count} does.
   *
   * @throws TenantCacheError `ETC_STORE_AWAY`, `ETC_KEY`, `ETC_VALUE`, `ETC_TTL`
   */
  async increment(key: string, by = 1, { ttlSeconds }: CounterOptions = {}): Promise<number> {
    const own = this.#rules.ttlSeconds;
    const ttl = ttlSeconds ?? (typeof own === "number" ? own : this.#context.ttl.DAY);
    return this.#context.counters.add(this.#counterKey(key), this.#prefix + key, by, ttl);
  }

  /** @throws as {@link increment} does */
  decrement(key: string, by = 1, options: CounterOptions = {}): Promise<number> {
    return this.increment(key, -by, options);
  }

  /** A counter's value; `undefined` before its first addition. @throws TenantCacheError `ETC_STORE_AWAY`, `ETC_KEY` */
  async count(key: string): Promise<number | undefined> {
    return this.#context.counters.read(this.#counterKey(key), this.#prefix + key);
  }

  /**
   * Removes all values and counters of the space, and nothing else.
   *
   * @throws TenantCacheError `ETC_FLUSH_REFUSED` where NODE_ENV is "production", unless `force` is true
   */
  async flush({ force = false }: { readonly force?: boolean } = {}): Promise<PatternDeletion> {
    if (process.env.NODE_ENV === "production" && !force) {
      throw new TenantCacheError(
        "ETC_FLUSH_REFUSED",
        "flush empties the cache of a system in production: if you mean it, write flush({ force: true })",
      );
    }
    return this.deletePattern("*");
  }

  /**
   * Runs `work` while nobody else does under the same name, in any process. Its signal aborts where the lock is lost: the store forgot it,
   * or could not be reached for `ttlMs`.
   *
   * @throws what `work` throws; TenantCacheError `ETC_LOCK_TIMEOUT`, `ETC_LOCK_LOST`, `ETC_STORE_AWAY`, `ETC_KEY`, `ETC_OPTIONS`
   */
  async withLock<T>(
    key: string,
    options: LockOptions,
    work: (signal: AbortSignal) => T,
  ): Promise<Awaited<T>> {
    const name = this.#prefix + key;
    return this.#context.locks.hold(this.#context.names.lock(this.#tenant, name), name, options, work);
  }

  /**
   * The same operations below `<name>:`, with defaults of their own.
   *
   * @param options seconds, or options
   * @throws TenantCacheError `ETC_KEY`, `ETC_TTL`, `ETC_OPTIONS`
   */
  namespace(name: string, options?: number | ValueOptions): CacheSpace {
    const prefix = this.#prefix + name;
    domainOf(prefix);
    const rules = this.#over("namespace", options);
    demandEncryption(this.#context, `namespace ${prefix}`, rules.encrypt);
    return new CacheSpace(this.#context, this.#tenant, `${prefix}:`, rules);
  }

  #ref(key: string) {
    return this.#context.names.ref(this.#tenant, this.#prefix + key);
  }

  #counterKey(key: string): string {
    return this.#context.names.counter(this.#tenant, this.#prefix + key);
  }

  #over(where: string, options: unknown): ValueRules {
    return parseValueOptions(where, options, this.#rules);
  }
}
