// Counters: state of the store, not cache, so that an answer that cannot be had is an error and not a guess.
import type { CacheEngine } from "../engine/cache-engine.js";
import { TenantCacheError } from "../errors.js";
import { ttlSecondsOf } from "../ttl-seconds.js";

export interface CounterOptions {
  /** From the first addition on, seconds; later ones leave it alone. Default: that of the namespace, else the preset's `DAY`. */
  readonly ttlSeconds?: number;
}

export class StateCounters {
  readonly #engine: CacheEngine;

  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  /** @throws TenantCacheError `ETC_STORE_AWAY`, `ETC_VALUE`, `ETC_TTL` */
  async add(counterKey: string, name: string, by: number, ttlSeconds: number): Promise<number> {
    if (!Number.isSafeInteger(by))
      throw new TenantCacheError("ETC_VALUE", `${name}: counters add whole numbers, not ${by}`);
    const ttlMs = ttlSecondsOf(ttlSeconds) * 1000;
    return this.#ask(name, () => this.#engine.store.keyed.addToCounter(counterKey, by, ttlMs));
  }

  /** @throws TenantCacheError `ETC_STORE_AWAY` */
  async read(counterKey: string, name: string): Promise<number | undefined> {
    return (await this.#ask(name, () => this.#engine.store.keyed.readCounter(counterKey))) ?? undefined;
  }

  async #ask<T>(name: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await this.#engine.gate.run(operation);
    } catch (cause) {
      throw new TenantCacheError("ETC_STORE_AWAY", `counter ${name}: the store did not answer`, { cause });
    }
  }
}
