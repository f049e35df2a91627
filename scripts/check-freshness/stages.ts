// The stages of a run: each has its Redis servers, its faults, and what its reads must show.
import type { Protection } from "./protections.js";
import { startSentinelTopology } from "./sentinel-topology.js";
import { startStandalone, type Topology } from "./topology.js";

export interface Stage {
  readonly name: string;
  /** Writes are guarded and refused where Redis cannot be told; nothing is excused, not even behind a crashed writer. */
  readonly guarded: boolean;
  readonly startTopology: (without: Protection | undefined) => Promise<Topology>;
}

export type StageName = "deferred" | "guarded" | "failover";

export const STAGES: Readonly<Record<StageName, Stage>> = {
  deferred: {
    name: "writes that are deferred while Redis is away",
    guarded: false,
    startTopology: () => startStandalone(true),
  },
  guarded: {
    name: "guarded writes",
    guarded: true,
    startTopology: () => startStandalone(false),
  },
  failover: {
    name: "Sentinel failovers to a lagging replica",
    guarded: false,
    startTopology: startSentinelTopology,
  },
};
