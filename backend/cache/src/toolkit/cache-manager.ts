// `cache.manager`: the engine as an API, for what is not a response.
// Tests: test/integration/toolkit-values.test.ts
import type { CacheEngine } from "../engine/cache-engine.js";
import type { Refreshes } from "../engine/refreshes.js";
import { requireTenantId, type TenantId } from "../identifiers.js";
import type { Misuse } from "../misuse/misuse.js";
import { limitArguments } from "../options/arguments.js";
import type { ParsedCacheOptions } from "../options/cache-options.js";
import { shown } from "../shown.js";
import { requirePart } from "../store/store-parts.js";
import { TTL_PRESETS, type TtlPreset } from "../ttl-presets.js";
import { CacheSpace } from "./cache-space.js";
import { Collection, type CollectionOptions } from "./collection.js";
import { KeyNames } from "./key-names.js";
import type { KeyParams } from "./key-pattern.js";
import { KeyRegistry } from "./key-registry.js";
import { KeyedCache } from "./keyed-cache.js";
import { Locks } from "./locks.js";
import { StateCounters } from "./state-counters.js";
import { demandEncryption, type ToolkitContext } from "./toolkit-context.js";
import { defaultRules, parseValueOptions, type ValueRules } from "./value-options.js";

export class CacheManager {
  static {
    limitArguments(CacheManager, {
      tenant: [1, "a call for each tenant: manager.tenant(id)"],
      collection: [2, 'manager.collection("users:{id}", { ttlSeconds: 60 })'],
    });
  }

  /** All key patterns; two that could build the same key are refused. */
  readonly registry = new KeyRegistry();
  /** The TTLs of the chosen preset, seconds. */
  readonly ttl: TtlPreset;
  readonly #context: ToolkitContext;
  readonly #rules: ValueRules;

  /**
   * Internal: `createTenantCache` makes it.
   * @internal
   */
  constructor(
    engine: CacheEngine,
    options: ParsedCacheOptions,
    misuse: Misuse,
    originOf: ToolkitContext["originOf"],
    refreshes: Refreshes,
  ) {
    const { preset, maxEntriesPerDomain, maxInflatedBytes } = options.manager;
    this.ttl = TTL_PRESETS[preset];
    this.#context = {
      engine,
      names: new KeyNames(engine.keys, this.registry, {
        maxEntries: maxEntriesPerDomain,
        waitMs: options.fill.waitMs,
        modules: misuse.modules,
        advisor: engine.advisor,
      }),
      cache: new KeyedCache(engine, options.logger, {
        maxInflatedBytes,
        refreshes,
        observeOnly: options.advice.observeOnly,
      }),
      locks: new Locks(engine),
      counters: new StateCounters(engine),
      ttl: this.ttl,
      misuse,
      isEncrypted: options.encryption !== undefined,
      originOf,
    };
    this.#rules = defaultRules(this.ttl.SHORT);
  }

  /** The keys of one tenant. @throws TenantCacheError `ETC_TENANT_ID`, `ETC_STORE_PART` */
  tenant(tenantId: TenantId): CacheSpace {
    requirePart(this.#context.engine.store, "keyed", "manager.tenant");
    this.#context.misuse.modules.usedByToolkit();
    return new CacheSpace(this.#context, requireTenantId(tenantId, "manager.tenant"), "", this.#rules);
  }

  /**
   * Defines a collection, once, when the program starts.
   *
   * @param pattern of its keys, with gaps: `users:profile:{id}`
   * @throws TenantCacheError `ETC_KEY_PATTERN`, `ETC_KEY_COLLISION`, `ETC_TTL`, `ETC_OPTIONS`, `ETC_STORE_PART`
   */
  collection<T, P extends KeyParams = KeyParams>(
    pattern: string,
    options: CollectionOptions<T, P> = {},
  ): Collection<T, P> {
    requirePart(this.#context.engine.store, "keyed", "manager.collection");
    const rules = parseValueOptions("collection", options, this.#rules);
    demandEncryption(
      this.#context,
      `collection ${typeof pattern === "string" ? pattern : shown(pattern)}`,
      rules.encrypt,
    );
    const ttlOf = typeof options.ttlSeconds === "function" ? options.ttlSeconds : undefined;
    const keyPattern = this.registry.pattern<P>(pattern);
    this.#context.misuse.modules.usedByToolkit(keyPattern.domain);
    return new Collection<T, P>(this.#context, keyPattern, rules, ttlOf);
  }

  /** Resolves when no load behind an answer is under way. */
  idle(): Promise<void> {
    return this.#context.cache.idle();
  }
}
