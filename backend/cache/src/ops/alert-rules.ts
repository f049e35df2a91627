// When operators want to be told: rules over the latest figures, with the thresholds they expect.
// Tests: test/integration/monitor.test.ts
import type { MonitorFigures } from "./monitor-figures.js";

export interface AlertThresholds {
  /** Hit ratio of the window, between 0 and 1; below it is an alert. Default 0.6. */
  readonly minHitRatio: number;
  /** Lookups in the window from which on its hit ratio counts. Default 100. */
  readonly minLookups: number;
  /** Share of the server's `maxmemory`, between 0 and 1. Default 0.8. */
  readonly maxMemoryShare: number;
  /** Of one round trip, milliseconds. Default 10. */
  readonly maxLatencyMs: number;
  /** Store operations that failed to all lookups and stores of the window, between 0 and 1. Default 0.05. */
  readonly maxErrorRate: number;
}

export const DEFAULT_THRESHOLDS: AlertThresholds = {
  minHitRatio: 0.6,
  minLookups: 100,
  maxMemoryShare: 0.8,
  maxLatencyMs: 10,
  maxErrorRate: 0.05,
};

export interface AlertRule {
  readonly name: string;
  /** What is wrong, for operators; `undefined` where nothing is. */
  readonly check: (figures: MonitorFigures) => string | undefined;
}

export interface Alert {
  /** `hit-ratio`, `memory`, `latency`, `reconnecting`, `error-rate`, or that of a rule of one's own. */
  readonly name: string;
  readonly message: string;
  readonly since: Date;
}

export function defaultRules(thresholds: AlertThresholds): readonly AlertRule[] {
  const { minHitRatio, minLookups, maxMemoryShare, maxLatencyMs, maxErrorRate } = thresholds;
  return [
    {
      name: "hit-ratio",
      check: ({ recent }) =>
        recent.hitRatio !== null && recent.lookups >= minLookups && recent.hitRatio < minHitRatio
          ? `hit ratio ${percent(recent.hitRatio)}, below ${percent(minHitRatio)}`
          : undefined,
    },
    {
      name: "memory",
      check: ({ memoryShare }) =>
        memoryShare !== null && memoryShare > maxMemoryShare
          ? `memory ${percent(memoryShare)} of maxmemory, above ${percent(maxMemoryShare)}`
          : undefined,
    },
    {
      name: "latency",
      check: ({ store }) =>
        store.latencyMs !== null && store.latencyMs > maxLatencyMs
          ? `latency ${store.latencyMs} ms, above ${maxLatencyMs} ms`
          : undefined,
    },
    {
      name: "reconnecting",
      check: ({ store }) =>
        store.connected ? undefined : `store away, ${store.reconnectAttempts} attempts to reconnect`,
    },
    {
      name: "error-rate",
      check: ({ recent }) =>
        recent.errorRate !== null && recent.errorRate > maxErrorRate
          ? `${percent(recent.errorRate)} of operations failed, above ${percent(maxErrorRate)}`
          : undefined,
    },
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
