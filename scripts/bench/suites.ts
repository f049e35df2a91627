// The suites by name, in the order in which they run.
import type { Bench } from "./bench.js";
import type { SuiteReport } from "./report.js";
import { throughput } from "./suites/throughput.js";

export const SUITES = { throughput } as const satisfies Record<
  string,
  (bench: Bench) => Promise<SuiteReport>
>;

export type SuiteName = keyof typeof SUITES;
export const SUITE_NAMES = Object.keys(SUITES) as SuiteName[];
