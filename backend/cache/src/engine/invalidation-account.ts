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
    const { tenant, modules, tags, everything } = scope;
    this.publish(scope, origin, confirmed);
    if (everything) {
      this.count(confirmed, tenant);
      this.#sweeps.enqueue({ tenant });
      return;
    }
    for (const module of modules) this.count(confirmed, tenant, module);
    for (const module of modules) this.#sweeps.enqueue({ tenant, module });
    // What a tag reaches is spread over modules: it is left to its TTL.
    for (const _tag of tags) this.count(confirmed, tenant);
  }

  publish(scope: FencedScope, origin: Origin, confirmed: boolean): void {
    if (!this.#events.isHeard("invalidated")) return;
    const { tenant, modules, tags, everything = false } = scope;
    this.#events.publish("invalidated", { ...origin, tenant, modules, tags, everything, confirmed });
  }

  count(confirmed: boolean, tenant: string, module?: string): void {
    this.#counters.add("invalidations", tenant, module);
    if (!confirmed) this.#counters.add("deferredInvalidations", tenant, module);
  }
}
