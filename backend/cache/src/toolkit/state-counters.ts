// Counters: state of the store, not cache, so that an answer that cannot be had is an error and not a guess.
// Tests: test/integration/toolkit-values.test.ts
import * as z from "zod";
import type { CacheEngine } from "../engine/cache-engine.js";
import { TenantCacheError } from "../errors.js";
import { parse, registerCall } from "../options/parse.js";
import { shown } from "../shown.js";
import { NoCounter } from "../store/store-errors.js";
import { keyedOf } from "../store/store-parts.js";
import { isTtl, MAX_VALUE_TTL_SECONDS, ttlAdvice, ttlForm, ttlSecondsOf } from "../ttl-seconds.js";

export interface CounterOptions {
  /**
   * From the first addition on, seconds; later ones leave it alone. Default: the number of seconds that the
   * namespace was made with, or one around it, else the preset's `DAY`.
   */
  readonly ttlSeconds?: number;
}

const counterOptions = z.strictObject({
  ttlSeconds: z
    .custom<number>((value) => isTtl(value, MAX_VALUE_TTL_SECONDS), {
      error: ({ input }) => ttlAdvice(input, MAX_VALUE_TTL_SECONDS),
      params: { code: "ETC_TTL" },
    })
    .describe(ttlForm(MAX_VALUE_TTL_SECONDS))
    .optional(),
});

registerCall("increment", "increment(key, 1, { ttlSeconds: 60 })", counterOptions);

/** @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL` */
export function parseCounterOptions(options: unknown): CounterOptions {
  const { ttlSeconds } = parse("increment", counterOptions, options);
  return ttlSeconds === undefined ? {} : { ttlSeconds };
}

export class StateCounters {
  readonly #engine: CacheEngine;

  /** @internal */
  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  /** @throws TenantCacheError `ETC_STORE_AWAY`, `ETC_VALUE`, `ETC_TTL` */
  async add(counterKey: string, name: string, by: number, ttlSeconds: number): Promise<number> {
    if (!Number.isSafeInteger(by))
      throw new TenantCacheError(
        "ETC_VALUE",
        `counter ${name}: what is added is ${shown(by)}: write a whole number, as in increment(key, 1, { ttlSeconds: 60 })`,
      );
    const ttlMs = ttlSecondsOf(ttlSeconds, `counter ${name}: ttlSeconds`, MAX_VALUE_TTL_SECONDS) * 1000;
    return this.#ask(name, () => keyedOf(this.#engine.store).addToCounter(counterKey, by, ttlMs));
  }

  /** @throws TenantCacheError `ETC_STORE_AWAY`, `ETC_VALUE` */
  async read(counterKey: string, name: string): Promise<number | undefined> {
    return (await this.#ask(name, () => keyedOf(this.#engine.store).readCounter(counterKey))) ?? undefined;
  }

  async #ask<T>(name: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await this.#engine.gate.run(operation);
    } catch (cause) {
      if (cause instanceof NoCounter)
        throw new TenantCacheError(
          "ETC_VALUE",
          `counter ${name}: it holds no whole number, or the sum would be beyond ${Number.MAX_SAFE_INTEGER}: delete it, or count into another`,
          { cause },
        );
      throw new TenantCacheError("ETC_STORE_AWAY", `counter ${name}: the store did not answer`, { cause });
    }
  }
}
