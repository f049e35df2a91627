// What is noted of requests for values: counters, events, advice, and why a value was not there.
// Tests: test/integration/toolkit-loads.test.ts, test/integration/toolkit-values.test.ts

import type { Asking } from "../advice/simulated-entries.js";
import type { BypassReason } from "../cache-status.js";
import { answerOf } from "../engine/answer-of.js";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { Missed } from "../engine/entry-memory.js";
import type { Recording } from "../engine/fill.js";
import type { KeyedRef } from "../engine/keyed-entries.js";

const COUNTED_AS = {
  hit: ["hits"],
  stale: ["hits", "stale"],
  miss: ["misses"],
  collapsed: ["collapsed"],
} as const;

/** @internal */
export class ValueNotes {
  readonly #engine: CacheEngine;

  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  note(event: keyof typeof COUNTED_AS, ref: KeyedRef, asking: Asking = "none"): undefined {
    const { counters, events, advisor } = this.#engine;
    if (event !== "collapsed") advisor?.asked(ref, asking);
    for (const counter of COUNTED_AS[event]) counters.add(counter, ref.tenant, ref.module);
    events.publish(event, { tenant: ref.tenant, module: ref.module, key: ref.entryKey });
  }

  hit(event: "hit" | "stale", ref: KeyedRef, value: unknown): unknown {
    this.note(event, ref);
    return value;
  }

  bypassed(reason: BypassReason, { tenant, module, entryKey: key }: KeyedRef): undefined {
    this.#engine.counters.bypassed(reason, tenant, module);
    this.#engine.events.publish("bypass", { tenant, module, key });
  }

  /** Counted, with its reason. */
  missed(ref: KeyedRef, found: Missed, asking: Asking): undefined {
    this.#engine.memory.missed(ref, found);
    return this.note("miss", ref, asking);
  }

  /** A request for a value that nobody looks up. */
  observed(ref: KeyedRef): undefined {
    this.#engine.advisor?.asked(ref, "looks");
    return undefined;
  }

  /** A value was loaded and is not stored. */
  unkept(ref: KeyedRef, why: "value" | "ttl-zero" | "too-large"): void {
    this.#engine.memory.unstored(ref, why);
    ref.figures?.refused(why);
  }

  /** A value was set. */
  written(ref: KeyedRef, recording: Recording): void {
    const { advisor } = this.#engine;
    advisor?.written(ref, answerOf(advisor, ref, recording));
  }
}
