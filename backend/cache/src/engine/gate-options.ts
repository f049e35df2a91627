// What the gate before the store goes by, and how it stands.
// Tests: test/unit/store-gate.test.ts, test/unit/deadline-queue.test.ts
import type { OverloadTerms } from "./deadline-queue.js";
import type { Latencies } from "./latencies.js";

/** What a process with more to do than it can grants the store, in budgets: see `deadline-queue.ts`. */
const OVERLOAD = { silence: 10, grace: 39 };

/** @internal */
export function overloadTerms(budgetMs: number, answeredAtMs: () => number): OverloadTerms {
  return { answeredAtMs, silentMs: OVERLOAD.silence * budgetMs, graceMs: OVERLOAD.grace * budgetMs };
}

/** @internal */
export interface GateOptions {
  /** The longest that one store operation may take, milliseconds. */
  readonly budgetMs: number;
  /** Failures in a row that open the circuit. */
  readonly failureThreshold: number;
  /** The first pause before a probe, milliseconds; doubles up to `maxProbeIntervalMs`. */
  readonly probeIntervalMs: number;
  readonly maxProbeIntervalMs: number;
  readonly maxPendingInvalidations: number;
  readonly fenceTtlMs: number;
  /** Told how long each round trip takes. */
  readonly latencies?: Latencies;
  /** About so many causes are kept of each tenant. Default none. */
  readonly maxCausesPerTenant?: number;
}

export type CircuitState = "closed" | "half-open" | "open";
