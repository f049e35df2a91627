// `CacheWarmer`: fills the cache before anybody asks, a few entries at a time.
import { EventEmitter } from "node:events";
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { limitArguments, refuseSurplus, requireFunction } from "../options/arguments.js";
import { parse, registerCall } from "../options/parse.js";
import type { TenantCache } from "../tenant-cache.js";
import { monotonicNow } from "../timers.js";
import { checkStrategy, listTasks, type WarmStrategy, type WarmTask } from "./warm-strategies.js";

export interface CacheWarmerOptions {
  /** Tasks at a time. Default 4. */
  readonly concurrency?: number;
  /** How long a run waits for the store to be in use, for example at start, milliseconds. Default 5,000. */
  readonly readyWithinMs?: number;
}

export interface WarmProgress {
  readonly name: string;
  /** Tasks that have ended, the failed ones among them. */
  readonly done: number;
  readonly failed: number;
  readonly total: number;
}

export interface WarmResult extends WarmProgress {
  readonly durationMs: number;
  /** Why nothing, or not all, was warmed: the store is away, the strategy failed, or the signal aborted. */
  readonly error?: Error;
  /** Of failed tasks: the first ten. */
  readonly taskErrors: readonly Error[];
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

const MAX_TASK_ERRORS = 10;
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
    const parsed = parse("CacheWarmer", warmerOptions, options);
    this.#cache = cache;
    this.#options = parsed;
  }

  /** Names of the strategies, in the order in which `warmAll` runs them. */
  get names(): readonly string[] {
    return [...this.#strategies.keys()];
  }

  /** @throws TenantCacheError `ETC_OPTIONS` where the name is taken, the strategy is none, or the origin of routes is none */
  register(name: string, strategy: WarmStrategy): this {
    checkStrategy(name, strategy);
    if (this.#strategies.has(name))
      throw new TenantCacheError("ETC_OPTIONS", `CacheWarmer: ${name} is registered already`);
    this.#strategies.set(name, strategy);
    return this;
  }

  /**
   * Runs one strategy, or joins its run under way for the same tenants. Failures are in the result.
   * @throws TenantCacheError `ETC_OPTIONS` where there is none of that name
   */
  async warm(name: string, options: WarmRequest = {}): Promise<WarmResult> {
    const { tenantIds, signal } = parse("warm", request, options);
    const strategy = this.#strategies.get(name);
    if (!strategy)
      throw new TenantCacheError(
        "ETC_OPTIONS",
        `CacheWarmer: no strategy ${JSON.stringify(name)}; there are ${this.names.join(", ") || "none"}`,
      );
    const id = JSON.stringify([name, tenantIds]);
    const underWay = this.#underWay.get(id);
    if (underWay) return underWay;
    const run = this.#run(name, () => listTasks(strategy, tenantIds), signal).finally(() =>
      this.#underWay.delete(id),
    );
    this.#underWay.set(id, run);
    return run;
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
    for (const name of names) results.push(await this.warm(name, request));
    return results;
  }

  async #run(
    name: string,
    list: () => Promise<WarmTask[]>,
    signal: AbortSignal | undefined,
  ): Promise<WarmResult> {
    const startedAtMs = monotonicNow();
    const taskErrors: Error[] = [];
    let [done, failed, total] = [0, 0, 0];
    let error: Error | undefined;
    const progress = (): WarmProgress => ({ name, done, failed, total });
    const work = async (tasks: Iterator<() => unknown>) => {
      for (let next = tasks.next(); !next.done; next = tasks.next()) {
        signal?.throwIfAborted();
        // Loading what nothing can store would only be work for the source.
        if (!this.#cache.health().connected) throw new Error("the store is away");
        try {
          await next.value();
        } catch (cause) {
          failed++;
          if (taskErrors.length < MAX_TASK_ERRORS) taskErrors.push(asError(cause));
        }
        done++;
        this.emit("progress", progress());
      }
    };
    try {
      if (!(await this.#cache.ready(this.#options.readyWithinMs))) throw new Error("the store is away");
      const tasks = await list();
      total = tasks.length;
      this.emit("started", progress());
      const shared = tasks.values();
      const workers = Array.from({ length: Math.min(this.#options.concurrency, total) }, () => work(shared));
      const ended = await Promise.allSettled(workers);
      for (const worker of ended) if (worker.status === "rejected") throw worker.reason;
    } catch (cause) {
      error = asError(cause);
    }
    const durationMs = Math.round(monotonicNow() - startedAtMs);
    const result = { ...progress(), durationMs, taskErrors, ...(error && { error }) };
    this.emit("finished", result);
    return result;
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
