// The suites by name, in the order in which they run.
import type { Bench } from "./bench.js";
import type { SuiteReport } from "./report.js";
import { coldStart } from "./suites/cold-start.js";
import { connections } from "./suites/connections.js";
import { distance } from "./suites/distance.js";
import { eventLoop } from "./suites/event-loop.js";
import { feedCosts } from "./suites/feed-costs.js";
import { growth } from "./suites/growth.js";
import { invalidation } from "./suites/invalidation.js";
import { latency } from "./suites/latency.js";
import { memory } from "./suites/memory.js";
import { missCost } from "./suites/miss-cost.js";
import { neighbours } from "./suites/neighbours.js";
import { outage } from "./suites/outage.js";
import { processes } from "./suites/processes.js";
import { scale } from "./suites/scale.js";
import { stampede } from "./suites/stampede.js";
import { storeKilled } from "./suites/store-killed.js";
import { sweep } from "./suites/sweep.js";
import { throughput } from "./suites/throughput.js";
import { walk } from "./suites/walk.js";

export const SUITES = {
  throughput,
  latency,
  stampede,
  invalidation,
  sweep,
  walk,
  "miss-cost": missCost,
  growth,
  connections,
  memory,
  "event-loop": eventLoop,
  processes,
  outage,
  "store-killed": storeKilled,
  distance,
  neighbours,
  "cold-start": coldStart,
  feed: feedCosts,
  scale,
} as const satisfies Record<string, (bench: Bench) => Promise<SuiteReport>>;

export type SuiteName = keyof typeof SUITES;
export const SUITE_NAMES = Object.keys(SUITES) as SuiteName[];
/** They take half an hour and an hour by themselves: only where they are named. */
const NAMED_SUITES: readonly SuiteName[] = ["feed", "scale"];
export const USUAL_SUITES: readonly SuiteName[] = SUITE_NAMES.filter((name) => !NAMED_SUITES.includes(name));
