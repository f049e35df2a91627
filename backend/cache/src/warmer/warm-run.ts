// One run of a strategy: its tasks, a few at a time, until the store holds what they fill, or does not get better.
// Tests: test/integration/warmer.test.ts

import { engineOf, type TenantCache } from "../tenant-cache.js";
import { isError } from "../thrown.js";
import { monotonicNow } from "../timers.js";
import { listTasks, type WarmStrategy, type WarmTask } from "./warm-strategies.js";
import { WarmTraces } from "./warm-traces.js";

export interface WarmProgress {
  readonly name: string;
  /**
   * Tasks that have ended, the failed ones among them. Falls where tasks have to be run again, because the
   * store was away.
   */
  readonly done: number;
  /**
   * Those that threw, and, once all have ended, those whose entries the store does not hold: `done - failed`
   * are warm.
   */
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

export interface WarmRunOptions {
  readonly name: string;
  readonly strategy: WarmStrategy;
  readonly tenantIds: readonly string[] | undefined;
  readonly signal: AbortSignal | undefined;
  readonly concurrency: number;
  /** How long it waits for a store that is away, each time, milliseconds. */
  readonly readyWithinMs: number;
  readonly onProgress: (event: "started" | "progress", progress: WarmProgress) => void;
}

const MAX_TASK_ERRORS = 10;
/** How often tasks are run whose entries were lost to a store that came and went, or to changes. */
const MAX_PASSES = 5;

export class WarmRun {
  readonly #cache: TenantCache;
  readonly #options: WarmRunOptions;
  readonly #traces: WarmTraces;
  readonly #ended = new Set<WarmTask>();
  readonly #errors = new Map<WarmTask, Error>();
  #total = 0;

  constructor(cache: TenantCache, options: WarmRunOptions) {
    this.#cache = cache;
    this.#options = options;
    this.#traces = new WarmTraces(engineOf(cache));
  }

  /** Runs it, once. Failures are in the result. */
  async run(): Promise<WarmResult> {
    const startedAtMs = monotonicNow();
    let error: Error | undefined;
    try {
      await this.#whenReady();
      await this.#runAll();
    } catch (cause) {
      error = asError(cause);
      await this.#cache.idle();
    }
    this.#refuseCold(await this.#cold(this.#options.signal?.aborted !== true && error === undefined));
    this.#traces.close();
    const durationMs = Math.round(monotonicNow() - startedAtMs);
    const taskErrors = [...this.#errors.values()].slice(0, MAX_TASK_ERRORS);
    return { ...this.#progress(), durationMs, taskErrors, ...(error && { error }) };
  }

  async #runAll(): Promise<void> {
    const { strategy, tenantIds, onProgress } = this.#options;
    let pending = await listTasks(strategy, tenantIds);
    this.#total = pending.length;
    onProgress("started", this.#progress());
    for (let pass = 1; pending.length > 0; pass++) {
      const troubles = this.#troubles();
      await this.#work(pending);
      await this.#cache.idle();
      // What is too large, or has no room, would be loaded again for nothing.
      if (pass === MAX_PASSES || this.#troubles() === troubles) return;
      pending = await this.#cold(true);
      for (const task of pending) this.#ended.delete(task);
      await this.#whenReady();
    }
  }

  /** So many tasks at a time. What one throws is remembered, and stops no other. */
  async #work(pending: readonly WarmTask[]): Promise<void> {
    const { concurrency, signal, onProgress } = this.#options;
    const shared = pending.values();
    const worker = async () => {
      for (let next = shared.next(); !next.done; next = shared.next()) {
        const task = next.value;
        signal?.throwIfAborted();
        // Loading what nothing can store would only be work for the source.
        if (!this.#cache.health().connected) await this.#whenReady();
        await this.#traces.run(task).catch((cause: unknown) => this.#errors.set(task, asError(cause)));
        this.#ended.add(task);
        onProgress("progress", this.#progress());
      }
    };
    const workers = Array.from({ length: Math.min(concurrency, pending.length) }, worker);
    for (const outcome of await Promise.allSettled(workers))
      if (outcome.status === "rejected") throw outcome.reason;
  }

  async #whenReady(): Promise<void> {
    const { signal, readyWithinMs } = this.#options;
    signal?.throwIfAborted();
    if (!(await this.#cache.ready(readyWithinMs))) throw new Error("the store is away");
  }

  /**
   * Of all that went well, not of the last pass alone: what came later may have taken the room of what came
   * before.
   */
  async #cold(mayWait: boolean): Promise<WarmTask[]> {
    const wentWell = [...this.#ended].filter((task) => !this.#errors.has(task));
    return this.#traces.cold(
      wentWell,
      async () => mayWait && (await this.#cache.ready(this.#options.readyWithinMs)),
    );
  }

  #refuseCold(cold: readonly WarmTask[]): void {
    for (const task of cold) this.#errors.set(task, this.#traces.whyCold(task));
    if (!("urls" in this.#options.strategy)) return;
    for (const task of this.#ended)
      if (!this.#errors.has(task) && !this.#traces.hasAsked(task))
        this.#errors.set(task, new Error("a route was answered that has no cacheList"));
  }

  /** What may have lost entries that could be had a moment later. */
  #troubles(): number {
    const { errors, bypasses, fenced } = engineOf(this.#cache).counters.report().totals;
    return errors + bypasses + fenced;
  }

  #progress(): WarmProgress {
    const { name } = this.#options;
    return { name, done: this.#ended.size, failed: this.#errors.size, total: this.#total };
  }
}

function asError(cause: unknown): Error {
  return isError(cause) ? cause : new Error(String(cause));
}
