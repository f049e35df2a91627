// `CacheWarmer`: fills the cache before anybody asks, a few entries at a time.
// Tests: test/integration/warmer.test.ts
import { EventEmitter } from "node:events";
import * as z from "zod";
import { Listeners } from "../engine/listeners.js";
import { TenantCacheError } from "../errors.js";
import { limitArguments, refuseSurplus, requireFunction } from "../options/arguments.js";
import { parse, registerCall } from "../options/parse.js";
import { loggerOf, type TenantCache } from "../tenant-cache.js";
import { type WarmProgress, type WarmResult, WarmRun } from "./warm-run.js";
import { checkStrategy, type WarmStrategy } from "./warm-strategies.js";

export interface CacheWarmerOptions {
  /** Tasks at a time. Default 4. */
  readonly concurrency?: number;
  /**
   * How long a run waits for a store that is away, at its start and whenever it goes meanwhile, milliseconds.
   * Default 5,000.
   */
  readonly readyWithinMs?: number;
}

export interface CacheWarmerEvents {
  /** When the tasks of a strategy are known. */
  started: [progress: WarmProgress];
  /** After each task. */
  progress: [progress: WarmProgress];
  finished: [result: WarmResult];
}

/** What a run is asked for. */
export interface WarmRequest {
  /** Default: those of the strategy. */
  readonly tenantIds?: readonly string[] | undefined;
  /** Begins no task once it has aborted. */
  readonly signal?: AbortSignal | undefined;
}

const warmerOptions = z.strictObject({
  concurrency: z.int().positive().max(1000).default(4),
  readyWithinMs: z.int().min(0).max(600_000).default(5000),
});

const request = z.strictObject({
  tenantIds: z.array(z.string()).optional(),
  signal: z.instanceof(AbortSignal, { error: "write an AbortSignal" }).optional(),
});
const requestOfAll = request.extend({ names: z.array(z.string()).optional() });

registerCall("CacheWarmer", "new CacheWarmer(cache, { concurrency: 4 })", warmerOptions);
registerCall("warm", "warm(name, { tenantIds })", request);
registerCall("warmAll", "warmAll({ names, tenantIds })", requestOfAll);

export class CacheWarmer extends EventEmitter<CacheWarmerEvents> {
  static {
    limitArguments(CacheWarmer, {
      register: [2, "register(name, strategy)"],
      warm: [2, "warm(name, { tenantIds }), or warmAll({ names }) for several strategies"],
      warmAll: [1, "warmAll({ names, tenantIds })"],
    });
  }

  readonly #cache: TenantCache;
  readonly #listeners: Listeners<CacheWarmerEvents>;
  readonly #options: z.output<typeof warmerOptions>;
  readonly #strategies = new Map<string, WarmStrategy>();
  readonly #underWay = new Map<string, Promise<WarmResult>>();

  /** @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS` */
  constructor(cache: TenantCache, options: CacheWarmerOptions = {}, ...surplus: never[]) {
    super();
    refuseSurplus(
      "CacheWarmer",
      surplus,
      "one object: new CacheWarmer(cache, { concurrency, readyWithinMs })",
    );
    requireFunction("CacheWarmer", cache?.ready, "cache.ready", "new CacheWarmer(cache, { concurrency: 4 })");
    this.#cache = cache;
    this.#listeners = new Listeners(this, "a CacheWarmer", loggerOf(cache));
    this.#options = parse("CacheWarmer", warmerOptions, options);
  }

  /** Names of the strategies, in the order in which `warmAll` runs them. */
  get names(): readonly string[] {
    return [...this.#strategies.keys()];
  }

  /**
   * @throws TenantCacheError `ETC_OPTIONS` where the name is taken, the strategy is none, or the origin of
   *   routes is none
   */
  register(name: string, strategy: WarmStrategy): this {
    checkStrategy(name, strategy);
    if (this.#strategies.has(name))
      throw new TenantCacheError("ETC_OPTIONS", `CacheWarmer: ${name} is registered already`);
    this.#strategies.set(name, strategy);
    return this;
  }

  /**
   * Runs one strategy, or joins its run under way for the same tenants. Failures are in the result. It goes
   * on where it was once a store that was away for a moment is back, and tells what the store holds in the
   * end, which it reads once more.
   * @throws TenantCacheError `ETC_OPTIONS` where there is none of that name
   */
  async warm(name: string, options: WarmRequest = {}): Promise<WarmResult> {
    return this.#warm(name, parse("warm", request, options), this.#options.readyWithinMs);
  }

  /**
   * Runs all strategies, or those of `names`, one after the other; one that fails does not stop the others.
   * @throws TenantCacheError `ETC_OPTIONS` where there is none of such a name
   */
  async warmAll(
    options: WarmRequest & { readonly names?: readonly string[] | undefined } = {},
  ): Promise<WarmResult[]> {
    const { names = this.names, ...request } = parse("warmAll", requestOfAll, options);
    const results: WarmResult[] = [];
    for (const name of names) {
      // A store that has stayed away is not waited for once more.
      const isAway = results.at(-1)?.error !== undefined && !this.#cache.health().connected;
      results.push(await this.#warm(name, request, isAway ? 0 : this.#options.readyWithinMs));
    }
    return results;
  }

  async #warm(name: string, { tenantIds, signal }: WarmRequest, readyWithinMs: number): Promise<WarmResult> {
    const strategy = this.#strategies.get(name);
    if (!strategy)
      throw new TenantCacheError(
        "ETC_OPTIONS",
        `CacheWarmer: no strategy ${JSON.stringify(name)}; there are ${this.names.join(", ") || "none"}`,
      );
    const id = JSON.stringify([name, tenantIds]);
    const underWay = this.#underWay.get(id);
    if (underWay) return underWay;
    const run = new WarmRun(this.#cache, {
      name,
      strategy,
      tenantIds,
      signal,
      concurrency: this.#options.concurrency,
      readyWithinMs,
      onProgress: (event, progress) => this.#listeners.tell(event, progress),
    });
    const running = run.run().then((result) => {
      this.#underWay.delete(id);
      this.#listeners.tell("finished", result);
      return result;
    });
    this.#underWay.set(id, running);
    return running;
  }
}
