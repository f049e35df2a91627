// A collection: values of one type behind keys of one pattern, defined once and used for any tenant.
// Tests: test/integration/toolkit-collections.test.ts
import { requireTenantId, type TenantId } from "../identifiers.js";
import { limitArguments, requireArray, requireFunction, requireItems } from "../options/arguments.js";
import type { KeyParams, KeyPattern } from "./key-pattern.js";
import type { Load } from "./keyed-cache.js";
import type { Looked } from "./looked.js";
import { deleteKeys, deleteMatching, type PatternDeletion, type ToolkitContext } from "./toolkit-context.js";
import {
  parseValueOptions,
  type SetOnceOptions,
  type ValueOptions,
  type ValueRules,
} from "./value-options.js";

export interface CollectionOptions<T, P extends KeyParams = KeyParams>
  extends Omit<ValueOptions<T>, "ttlSeconds"> {
  /**
   * Seconds, or a function of the value and of what its key was built from; 0 from the function: this value
   * is not kept. Default: the preset's `SHORT`.
   */
  readonly ttlSeconds?: number | ((value: T, params: P) => number);
}

/** One value of a collection's `mSet`. */
export interface CollectionItem<T, P extends KeyParams> {
  readonly params: P;
  readonly value: T;
}

/**
 * Typed values. The guarantees are those of `CacheSpace`; every call names the tenant.
 *
 * All calls throw TenantCacheError `ETC_TENANT_ID`, and `ETC_KEY` where what fills the pattern is missing or
 * empty.
 */
export class Collection<T, P extends KeyParams = KeyParams> {
  static {
    const ttl = "the TTL belongs to the collection: collection(pattern, { ttlSeconds: 60 })";
    limitArguments(Collection, {
      key: [1, "a call for each key: key(params)"],
      get: [2, "mGet(tenantId, [params, …]) for several"],
      mGet: [2, "the params as an array: mGet(tenantId, [params, …])"],
      set: [4, "set(tenantId, params, value, { nx: true })"],
      mSet: [2, "the items as an array: mSet(tenantId, [{ params, value }])"],
      getOrSet: [3, `getOrSet(tenantId, params, load); ${ttl}`],
      lookUp: [3, `lookUp(tenantId, params, load); ${ttl}`],
      update: [3, `update(tenantId, params, write); ${ttl}`],
      deleteAll: [1, "a call for each tenant"],
      deleteMatching: [2, "all params in one object"],
      exists: [2, "a call for each"],
      ttl: [2, "a call for each"],
    });
  }

  readonly pattern: KeyPattern<P>;
  readonly #context: ToolkitContext;
  readonly #rules: ValueRules;
  readonly #ttlOf: ((value: T, params: P) => number) | undefined;

  /**
   * Internal: collections come from `cache.manager.collection(pattern, options)`.
   * @internal
   */
  constructor(
    context: ToolkitContext,
    pattern: KeyPattern<P>,
    rules: ValueRules,
    ttlOf: ((value: T, params: P) => number) | undefined,
  ) {
    this.#context = context;
    this.pattern = pattern;
    this.#rules = rules;
    this.#ttlOf = ttlOf;
  }

  /** The key as `CacheSpace` takes it. */
  key(params: P): string {
    return this.pattern.key(params);
  }

  async get(tenantId: TenantId, params: P): Promise<T | undefined> {
    return (await this.#context.cache.get(this.#ref(tenantId, params), this.#rules)) as T | undefined;
  }

  /** In the order of `params`, from one round trip. */
  async mGet(tenantId: TenantId, params: readonly P[]): Promise<(T | undefined)[]> {
    requireArray("mGet", params, "what is asked for", "mGet(tenantId, [params, …])");
    const refs = params.map((of) => this.#ref(tenantId, of));
    return (await this.#context.cache.getMany(refs, this.#rules)) as (T | undefined)[];
  }

  /** @returns whether it is stored; see `CacheSpace.set` */
  async set(
    tenantId: TenantId,
    params: P,
    value: T,
    options: Pick<SetOnceOptions, "nx"> = {},
  ): Promise<boolean> {
    const rules = parseValueOptions("set of a collection", options, this.#rulesOf(params));
    return this.#context.cache.set(this.#ref(tenantId, params), value, rules);
  }

  /** @returns for each whether it is stored */
  async mSet(tenantId: TenantId, items: readonly CollectionItem<T, P>[]): Promise<boolean[]> {
    requireItems("mSet", items, "mSet(tenantId, [{ params, value }])", ["params", "value"]);
    return this.#context.cache.setMany(
      items.map(({ params, value }) => [this.#ref(tenantId, params), value, this.#rulesOf(params)]),
    );
  }

  /**
   * The value, or what `load` resolves with, which is then stored unless the key was deleted or set
   * meanwhile. @throws what `load` throws
   */
  async getOrSet(tenantId: TenantId, params: P, load: Load<T>): Promise<T> {
    requireFunction("getOrSet", load, "the load", "getOrSet(tenantId, params, () => load())");
    return this.#context.cache.getOrSet(this.#ref(tenantId, params), load, this.#rulesOf(params));
  }

  /**
   * As {@link getOrSet}, with what the cache did: for answers that say so, in `Cache-Status` and `Age`.
   * @throws what `load` throws
   */
  async lookUp(tenantId: TenantId, params: P, load: Load<T>): Promise<Looked<T>> {
    requireFunction("lookUp", load, "the load", "lookUp(tenantId, params, () => load())");
    return this.#context.cache.lookUp(this.#ref(tenantId, params), load, this.#rulesOf(params));
  }

  /** Changes the source, and then the cache; see `CacheSpace.update`. @throws what `write` throws */
  async update(tenantId: TenantId, params: P, write: Load<T>): Promise<T> {
    requireFunction("update", write, "the write", "update(tenantId, params, () => write())");
    return this.#context.cache.update(this.#ref(tenantId, params), write, this.#rulesOf(params));
  }

  /**
   * @returns true once the store has confirmed; false where it is away and the deletion waits to be replayed
   */
  async delete(tenantId: TenantId, ...params: readonly P[]): Promise<boolean> {
    return deleteKeys(
      this.#context,
      requireTenantId(tenantId, this.pattern.text),
      params.map((of) => this.key(of)),
    );
  }

  /**
   * Cuts off the whole collection of a tenant in one step, however large it is; its memory is reclaimed by
   * TTL. @returns as {@link delete}
   */
  async deleteAll(tenantId: TenantId): Promise<boolean> {
    const tenant = requireTenantId(tenantId, this.pattern.text);
    if (this.pattern.isSingle) return deleteKeys(this.#context, tenant, [this.pattern.text]);
    return this.#context.engine.keyed.cutOff(tenant, this.pattern.domain, this.pattern.text);
  }

  /**
   * Removes what some of the parameters name: `deleteMatching(tenantId, { technicianId })`. Walks through the
   * keys of the server.
   */
  async deleteMatching(tenantId: TenantId, params: Partial<P>): Promise<PatternDeletion> {
    return deleteMatching(
      this.#context,
      requireTenantId(tenantId, this.pattern.text),
      this.pattern.match(params),
      "deleteMatching",
    );
  }

  async exists(tenantId: TenantId, params: P): Promise<boolean> {
    return (await this.ttl(tenantId, params)) !== undefined;
  }

  /** Seconds until the value is too old; `undefined` where there is none. */
  async ttl(tenantId: TenantId, params: P): Promise<number | undefined> {
    return this.#context.cache.remainingSeconds(this.#ref(tenantId, params));
  }

  #ref(tenantId: TenantId, params: P) {
    return this.#context.names.ref(requireTenantId(tenantId, this.pattern.text), this.key(params));
  }

  #rulesOf(params: P): ValueRules {
    const ttlOf = this.#ttlOf;
    if (!ttlOf) return this.#rules;
    return { ...this.#rules, ttlSeconds: (value) => ttlOf(value as T, params) };
  }
}
