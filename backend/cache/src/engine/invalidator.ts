// What a mutation touched is cut off: its fences are replaced, counted, told and swept behind.
// Tests: test/integration/invalidate-cache.test.ts, test/integration/clear.test.ts
import type { Advisor } from "../advice/advisor.js";
import type { Origin } from "../cause-origin.js";
import type { KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import type { Causes } from "./causes.js";
import type { Counters } from "./counters.js";
import type { EngineOptions } from "./engine-options.js";
import { type FencedScope, partFenceKeys } from "./fences.js";
import { MAX_MARKED_FENCE_CHARACTERS } from "./forgotten-urls.js";
import type { InvalidationAccount } from "./invalidation-account.js";
import type { Lookups } from "./lookups.js";
import type { StoreGate } from "./store-gate.js";
import { WideInvalidations } from "./wide-invalidations.js";

export interface InvalidatorParts {
  readonly store: Store;
  readonly keys: KeySpace;
  readonly gate: StoreGate;
  readonly lookups: Lookups;
  readonly causes: Causes;
  readonly counters: Counters;
  readonly account: InvalidationAccount;
  readonly advisor: Advisor | undefined;
}

export class Invalidator {
  readonly #parts: InvalidatorParts;
  readonly #options: EngineOptions;
  readonly #wide: WideInvalidations;

  constructor(parts: InvalidatorParts, options: EngineOptions) {
    this.#parts = parts;
    this.#options = options;
    const { store, keys, gate, causes, account } = parts;
    this.#wide = new WideInvalidations({
      store,
      keys,
      gate,
      replace: async (tenant, fenceKeys, module, origin) => {
        const parts = { modules: module === undefined ? [] : [module], tags: [], everything: !module };
        const note = causes.note(tenant, origin, parts);
        const write = () => store.replaceFences(fenceKeys, options.fenceTtlMs, note);
        const confirmed = await this.replace(tenant, fenceKeys, write);
        account.reached({ tenant, ...parts }, origin, confirmed);
        return confirmed;
      },
      forgot: (confirmed, module) => account.count(confirmed, undefined, module),
    });
  }

  /**
   * Replaces the fences of what a mutation touched. Resolves with true when the store has confirmed, with
   * false when the invalidation waits in the recovery queue; never rejects and never takes longer than the
   * budget.
   *
   * @param origin who does that, for the causes
   */
  async invalidate(scope: FencedScope, origin: Origin): Promise<boolean> {
    const { store, keys, causes, account } = this.#parts;
    const fenceKeys = partFenceKeys(keys, scope);
    if (fenceKeys.length === 0) return true;
    const note = causes.note(scope.tenant, origin, scope);
    const write = () => store.replaceFences(fenceKeys, this.#options.fenceTtlMs, note);
    const confirmed = await this.replace(scope.tenant, fenceKeys, write);
    account.invalidated(scope, origin, confirmed);
    return confirmed;
  }

  /** All of every tenant, or of one module: see {@link WideInvalidations}. */
  async invalidateEverywhere(module: string | undefined, origin: Origin): Promise<boolean> {
    const { counters, lookups } = this.#parts;
    lookups.forgetAll();
    const confirmed = await this.#wide.invalidate(module, origin).finally(() => lookups.forgetAll());
    counters.invalidated(module === undefined ? "everything" : "module-everywhere", origin.kind);
    return confirmed;
  }

  /** @param marks of the URL: see `forgotten-urls.ts` */
  async forgetUrl(tenant: string, marks: string, origin: Origin): Promise<boolean> {
    const { store, keys, causes, account, counters } = this.#parts;
    const { fenceTtlMs } = this.#options;
    const fenceKeys = [keys.fence(tenant)];
    const scope = { tenant, modules: [], tags: [] };
    const note = causes.note(tenant, origin, scope);
    const { amendFences } = store;
    const write = () =>
      amendFences
        ? amendFences.call(store, fenceKeys, marks, MAX_MARKED_FENCE_CHARACTERS, fenceTtlMs, note)
        : store.replaceFences(fenceKeys, fenceTtlMs, note);
    const confirmed = await this.replace(tenant, fenceKeys, write, amendFences ? [] : fenceKeys);
    account.count(confirmed, tenant);
    counters.invalidated("url", origin.kind);
    account.publish(scope, origin, confirmed);
    return confirmed;
  }

  /** Marks a write as under way: see `invalidateCache({ guard: true })`. Rejects where the store cannot confirm it. */
  async beginWrite(scope: FencedScope, writer: string, deadlineMs: number): Promise<void> {
    const { store, keys, gate, lookups } = this.#parts;
    const fenceKeys = partFenceKeys(keys, scope);
    lookups.forget(fenceKeys);
    try {
      await gate.run(() => store.beginWrite(fenceKeys, writer, deadlineMs));
      // Whoever answered from memory would not see the mark.
      await store.untilForgotten?.();
    } catch (error) {
      // The end of the write would only wait once more to find the same; but where only room is missing it
      // can forget its fences.
      gate.distrust(error);
      throw error;
    }
  }

  /** Like {@link invalidate}, and takes the writer's mark away. */
  async endWrite(scope: FencedScope, writer: string, origin: Origin): Promise<boolean> {
    const { store, keys, causes, account } = this.#parts;
    const fenceKeys = partFenceKeys(keys, scope);
    const note = causes.note(scope.tenant, origin, scope);
    const write = () => store.endWrite(fenceKeys, writer, this.#options.fenceTtlMs, note);
    const confirmed = await this.replace(scope.tenant, fenceKeys, write);
    account.invalidated(scope, origin, confirmed);
    return confirmed;
  }

  /** @param reached the fences whose entries are all cut off */
  async replace(
    tenant: string,
    fenceKeys: readonly string[],
    write: () => Promise<void>,
    reached = fenceKeys,
  ): Promise<boolean> {
    const { advisor, counters, lookups, gate } = this.#parts;
    advisor?.invalidated(tenant, reached);
    const begun = counters.latencies.begin();
    lookups.forget(fenceKeys);
    const replace = () => gate.invalidate(tenant, fenceKeys, write);
    const confirmed = await (this.#options.trace?.(fenceKeys.length, replace) ?? replace());
    counters.latencies.end("invalidation", begun);
    // What was read between the two may be from before the change.
    lookups.forget(fenceKeys);
    return confirmed;
  }
}
