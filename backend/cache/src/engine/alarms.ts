// What the operator must know, once: values that must not be served, and a tenant that has reached its quota.
// Tests: test/integration/forged-entries.test.ts, test/integration/tenant-quota.test.ts
import { BoundedMap } from "../bounded-map.js";
import type { Logger } from "../logger.js";
import type { Store } from "../store/store.js";
import type { Counters } from "./counters.js";
import type { EntryRef } from "./entry-ref.js";
import type { CacheEvents } from "./events.js";
import type { StoreGate } from "./store-gate.js";

/** What the engine lends. */
export interface AlarmParts {
  readonly store: Store;
  readonly gate: StoreGate;
  readonly counters: Counters;
  readonly events: CacheEvents;
}

export type Problem = keyof typeof ALARMS;

const ALARMS = {
  corrupt: "does not decode; removed",
  foreign: "holds another request's entry; not served",
  invalid: "fails its schema; removed",
} as const;

export class Alarms {
  readonly #parts: AlarmParts;
  readonly #logger: Logger;
  readonly #raised = new BoundedMap<true>({ maxCharacters: 512 * 1024 });
  #hasWarnedOfQuota = false;

  constructor(parts: AlarmParts, logger: Logger) {
    this.#parts = parts;
    this.#logger = logger;
  }

  /** A tenant's own entries make room. */
  quotaReached(maxTenantBytes: number): void {
    if (this.#hasWarnedOfQuota) return;
    this.#hasWarnedOfQuota = true;
    this.#logger.warn(
      `express-tenant-cache: a tenant has reached maxBytesPerTenant (${maxTenantBytes} bytes): its own entries make room, counted in quotaEvictions; said once`,
    );
  }

  /**
   * A value that must not be served is a miss and a counted alarm. What happened is logged once for a module;
   * whose entry it was is told by the event, because a key names its tenant.
   * Resolves when the value is removed, or the store is away; never rejects.
   */
  raise(ref: EntryRef, problem: Problem): Promise<void> {
    const { counters, events, gate, store } = this.#parts;
    const { tenant, module, entryKey } = ref;
    counters.add("alarms", tenant, module);
    events.publish("alarm", { tenant, module, key: entryKey, detail: problem });
    const alarm = `${problem} ${module}`;
    if (!this.#raised.has(alarm)) {
      this.#raised.set(alarm, true);
      this.#logger.error(
        `express-tenant-cache: ALARM: an entry of module "${module}" ${ALARMS[problem]}; said once`,
      );
    }
    if (problem === "foreign") return Promise.resolve();
    return gate.run(() => store.remove(entryKey)).catch(() => undefined);
  }
}
