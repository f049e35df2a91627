// What a run of the warmer has touched, task by task, and how much of it the store holds.
// Tests: test/integration/warmer.test.ts
import { AsyncLocalStorage } from "node:async_hooks";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { EntryRef } from "../engine/entry-ref.js";
import type { WarmTask } from "./warm-strategies.js";

/** Entries of one read: they are read whole, and many could outlast the budget. */
const READ_AT_A_TIME = 16;

interface Trace {
  readonly refs: Map<string, EntryRef>;
  /** Why something was not looked up, if anything. */
  bypass: string | undefined;
}

export class WarmTraces {
  readonly #engine: CacheEngine;
  /**
   * Of this run alone, and switched off behind it: while one is in use, promises cost every request a little
   * more.
   */
  readonly #current = new AsyncLocalStorage<Trace>();
  readonly #traces = new Map<WarmTask, Trace>();
  readonly #unwatch: () => void;

  constructor(engine: CacheEngine) {
    this.#engine = engine;
    const { events } = engine;
    const unwatch = events.watch((ref) => this.#current.getStore()?.refs.set(ref.entryKey, ref));
    const onBypass = ({ detail }: { readonly detail?: string | undefined }) => {
      const trace = this.#current.getStore();
      if (trace) trace.bypass = detail ?? "the store is away";
    };
    events.on("bypass", onBypass);
    this.#unwatch = () => {
      unwatch();
      events.off("bypass", onBypass);
    };
  }

  /** Runs a task and remembers what it looks up, in the place of what an earlier run of it did. */
  async run(task: WarmTask): Promise<void> {
    const trace: Trace = { refs: new Map(), bypass: undefined };
    this.#traces.set(task, trace);
    await this.#current.run(trace, async () => {
      await task();
    });
  }

  /** Whether the task has looked anything up, or would have. */
  hasAsked(task: WarmTask): boolean {
    const trace = this.#traces.get(task);
    return trace !== undefined && (trace.refs.size > 0 || trace.bypass !== undefined);
  }

  /** What to say of a task that is {@link cold}. */
  whyCold(task: WarmTask): Error {
    const bypass = this.#traces.get(task)?.bypass;
    return new Error(
      bypass === undefined
        ? "what was loaded is not in the store: a change overtook it, or it may not be kept, is too large or had no room"
        : `not looked up (${bypass})`,
    );
  }

  /**
   * Those of the tasks whose entries are not all in the store now, in their order. What has looked nothing up
   * cannot be told.
   *
   * @param whenAway called where the store does not answer; it is asked once more if this resolves with true
   */
  async cold(tasks: readonly WarmTask[], whenAway: () => Promise<boolean>): Promise<WarmTask[]> {
    const refs = new Map(tasks.flatMap((task) => [...(this.#traces.get(task)?.refs ?? [])]));
    const held = new Set<string>();
    for (const batch of batchesByTenant([...refs.values()])) {
      const found =
        (await this.#heldOf(batch)) ?? ((await whenAway()) ? await this.#heldOf(batch) : undefined);
      for (const key of found ?? []) held.add(key);
    }
    return tasks.filter((task) => {
      const trace = this.#traces.get(task);
      return trace && (trace.bypass !== undefined || [...trace.refs.keys()].some((key) => !held.has(key)));
    });
  }

  close(): void {
    this.#unwatch();
    this.#current.disable();
  }

  /** Asks the store itself, not what this process keeps; `undefined` where it does not answer. */
  async #heldOf(refs: readonly EntryRef[]): Promise<string[] | undefined> {
    const entries = await this.#engine.keyed.readMany(refs);
    return (
      entries &&
      refs.filter((_, index) => entries[index]?.entry !== undefined).map(({ entryKey }) => entryKey)
    );
  }
}

/** One tenant's keys share a Cluster slot; those of two may not. */
function* batchesByTenant(refs: readonly EntryRef[]): Generator<EntryRef[]> {
  const ofTenants = new Map<string, EntryRef[]>();
  for (const ref of refs) {
    const own = ofTenants.get(ref.tenant);
    if (own) own.push(ref);
    else ofTenants.set(ref.tenant, [ref]);
  }
  for (const own of ofTenants.values())
    for (let start = 0; start < own.length; start += READ_AT_A_TIME)
      yield own.slice(start, start + READ_AT_A_TIME);
}
