// What the gate before the store goes by.
import type { Latencies } from "./latencies.js";

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
