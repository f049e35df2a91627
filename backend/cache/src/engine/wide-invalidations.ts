// Invalidations of all tenants: no fence stands for them, because each hit would have to read it. The tenants' own are replaced, one after the other.
// Tests: test/integration/clear.test.ts
//
// Every entry carries its tenant's fence and its module's. Whoever has filled one before `clear` was called had
// that fence made before: the walk through the keys finds it, because what is there from its beginning to its
// end is found. A fence that is lost meanwhile has cut its entries off by that. What begins to fill during the
// walk reads the state from after the call.

import type { Origin } from "../cause-origin.js";
import type { KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import { messageOf } from "../thrown.js";
import { monotonicNow } from "../timers.js";
import type { StoreGate } from "./store-gate.js";

export interface WideParts {
  readonly store: Store;
  readonly keys: KeySpace;
  readonly gate: StoreGate;
  /** Replaces fences of one tenant, and accounts for that; resolves with whether the store has confirmed. Never rejects. */
  replace(
    tenant: string,
    fenceKeys: readonly string[],
    module: string | undefined,
    origin: Origin,
  ): Promise<boolean>;
  /** Called where all fences are forgotten in one step: now, or (not confirmed) before the store is used again. */
  forgot(confirmed: boolean, module: string | undefined): void;
}

/** What a user may not do, or a server does not know. */
const IS_FORBIDDEN = /\bNOPERM\b|ACL failure|can't run this command|unknown command/;
/** Other requests come between. */
const AT_A_TIME = 50;
/** As long as a recovery may take to forget all fences. */
const WITHIN_MS = 60_000;

export class WideInvalidations {
  readonly #parts: WideParts;

  constructor(parts: WideParts) {
    this.#parts = parts;
  }

  /**
   * All that is cached, or what is cached of one module, of every tenant. Resolves with true once the store
   * has confirmed, with false where it is away: everything is then forgotten before this process uses the
   * store again. Rejects where the server refuses to list its keys.
   */
  async invalidate(module: string | undefined, origin: Origin): Promise<boolean> {
    const { gate, store } = this.#parts;
    // A store that has not answered yet is not away.
    if (gate.state !== "closed") await gate.starting;
    if (gate.state !== "closed") return this.#defer(module);
    try {
      if (store.listFences) return await gate.bound(this.#walk(module, origin), monotonicNow() + WITHIN_MS);
      await gate.bound(store.forgetAllFences(), monotonicNow() + WITHIN_MS);
      await store.untilForgotten?.();
      this.#parts.forgot(true, module);
      return true;
    } catch (error) {
      // It would be refused when the store is back, too, and the store never used again: the caller is told.
      if (IS_FORBIDDEN.test(messageOf(error))) throw error;
      gate.distrust(error);
      return this.#defer(module);
    }
  }

  async #defer(module: string | undefined): Promise<false> {
    const { gate, forgot } = this.#parts;
    gate.recovery.addEverything();
    forgot(false, module);
    await gate.untilLeasesEnd();
    return false;
  }

  async #walk(module: string | undefined, origin: Origin): Promise<boolean> {
    const { store, keys } = this.#parts;
    const ending = module === undefined ? "" : `:${module}`;
    let isConfirmed = true;
    for await (const page of store.listFences?.(keys.allFences(), ending) ?? []) {
      const meant = page.flatMap((key) => {
        const named = keys.parseFence(key);
        return named && named.module === module ? [{ key, tenant: named.tenant }] : [];
      });
      for (let from = 0; from < meant.length; from += AT_A_TIME) {
        const some = meant.slice(from, from + AT_A_TIME);
        const confirmed = await Promise.all(
          some.map(({ key, tenant }) => this.#parts.replace(tenant, [key], module, origin)),
        );
        isConfirmed &&= confirmed.every(Boolean);
      }
    }
    return isConfirmed;
  }
}
