// What follows from fences that were replaced: counts, the event, and sweeps of what they have cut off.
// Tests: test/integration/invalidate-cache.test.ts, test/integration/causes.test.ts
import type { Origin } from "../cause-origin.js";
import type { Counters } from "./counters.js";
import type { CacheEvents } from "./events.js";
import type { FencedScope } from "./fences.js";
import type { Sweeps } from "./sweeps.js";

export class InvalidationAccount {
  readonly #counters: Counters;
  readonly #events: CacheEvents;
  readonly #sweeps: Sweeps;

  constructor(counters: Counters, events: CacheEvents, sweeps: Sweeps) {
    this.#counters = counters;
    this.#events = events;
    this.#sweeps = sweeps;
  }

  /** @param confirmed false: it waits for the store */
  invalidated(scope: FencedScope, origin: Origin, confirmed: boolean): void {
    const { modules, everything } = scope;
    const reach = everything ? "tenant" : modules.length > 0 ? "modules" : "tags";
    this.#counters.invalidated(reach, origin.kind);
    this.reached(scope, origin, confirmed);
  }

  /** The same of one tenant, where all tenants are concerned. */
  reached(scope: FencedScope, origin: Origin, confirmed: boolean): void {
    const { tenant, modules, tags, everything } = scope;
    this.publish(scope, origin, confirmed);
    if (everything) {
      this.count(confirmed, tenant);
      this.#sweeps.enqueue({ tenant });
      return;
    }
    for (const module of modules) this.count(confirmed, tenant, module);
    // Of these alone: what a forgotten URL has spared of other modules is in no live list, and would be swept with them.
    for (const module of modules) this.#sweeps.enqueue({ tenant, module });
    // What a tag reaches is spread over modules: it is left to its TTL.
    for (const _tag of tags) this.count(confirmed, tenant);
  }

  publish(scope: FencedScope, origin: Origin, confirmed: boolean): void {
    if (!this.#events.isHeard("invalidated")) return;
    const { tenant, modules, tags, everything = false } = scope;
    const parts = { tenant, modules, tags, everything };
    this.#events.publish("invalidated", { ...origin, ...parts, confirmed, elsewhere: false });
  }

  /** @param tenant absent where all are concerned, and their fences are not replaced one by one */
  count(confirmed: boolean, tenant: string | undefined, module?: string): void {
    this.#counters.add("invalidations", tenant, module);
    if (!confirmed) this.#counters.add("deferredInvalidations", tenant, module);
  }
}
