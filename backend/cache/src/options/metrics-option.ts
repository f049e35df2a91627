// The options `metrics` and `telemetry`: how many series there are, how often the store is asked, and to whom spans go.
// Tests: test/unit/refusals/cache-options.test.ts, test/integration/metrics.test.ts
import * as z from "zod";
import type { TelemetryOptions } from "../peers.js";
import { timerMs } from "./parse.js";

export interface MetricsOption {
  /** Tenants that have series of their own: the busiest. Default 20, at most 1,000. */
  readonly maxTenants?: number;
  /** Modules that have series of their own: the first. Default 50, at most 1,000. */
  readonly maxModules?: number;
  /** How old the server's figures may be before they are asked for, milliseconds. Default 15,000. */
  readonly reportIntervalMs?: number;
  /** How often the entries are counted, milliseconds; 0: never. Default 300,000. */
  readonly inventoryIntervalMs?: number;
}

const telemetry = z.strictObject({
  tracer: having<NonNullable<TelemetryOptions["tracer"]>>(
    "startSpan",
    "a Tracer of OpenTelemetry",
  ).optional(),
  meter: having<NonNullable<TelemetryOptions["meter"]>>(
    "createHistogram",
    "a Meter of OpenTelemetry",
  ).optional(),
});

/** @internal */
export const metricsOption = z
  .strictObject({
    maxTenants: z.int().min(0).max(1000).default(20),
    maxModules: z.int().min(0).max(1000).default(50),
    reportIntervalMs: timerMs(1000).default(15_000),
    inventoryIntervalMs: timerMs(0).default(300_000),
  })
  .prefault({});

/** @internal */
export const telemetryOption = z.union([z.boolean(), telemetry]).default(false);

function having<T>(method: string, wanted: string) {
  const has = (value: unknown) => typeof Reflect.get(Object(value), method) === "function";
  return z.custom<T>(has, { error: `write ${wanted}` }).describe(wanted);
}
