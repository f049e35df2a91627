// What the gate before the store goes by, and how it stands.

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
}

export type CircuitState = "closed" | "half-open" | "open";
