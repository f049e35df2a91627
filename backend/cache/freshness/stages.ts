// The stages of a run: each has its Redis servers, its faults, and what its reads must show.
import type { Protection } from "./protections.js";
import { startSentinelTopology } from "./sentinel-topology.js";
import type { StageName } from "./stage-name.js";
import type { Timeline } from "./timeline.js";
import { startStandalone, type Topology } from "./topology.js";

export interface Stage {
  readonly name: string;
  /** Writes are guarded, and refused where Redis cannot be told about them. */
  readonly guarded: boolean;
  /** Lists are leased, and processes are paused. Default false. */
  readonly leased?: boolean;
  /**
   * Nothing is excused, what died writers have committed counts, and what any read has shown, later reads
   * must show too. A guard promises that as long as its mark is not lost.
   */
  readonly strict: boolean;
  readonly startTopology: (without: Protection | undefined, timeline: Timeline) => Promise<Topology>;
}

export const STAGES: Readonly<Record<StageName, Stage>> = {
  deferred: {
    name: "writes that are deferred while Redis is away",
    guarded: false,
    strict: false,
    startTopology: () => startStandalone(true),
  },
  guarded: {
    name: "guarded writes",
    guarded: true,
    strict: true,
    startTopology: () => startStandalone(false),
  },
  failover: {
    name: "Sentinel failovers",
    guarded: false,
    strict: false,
    startTopology: startSentinelTopology,
  },
  "guarded-failover": {
    name: "guarded writes whose marks may be lost in Sentinel failovers and by FLUSHALL",
    guarded: true,
    strict: false,
    startTopology: startSentinelTopology,
  },
  leased: {
    name: "leased lists, and writes that are deferred while Redis is away",
    guarded: false,
    leased: true,
    strict: false,
    startTopology: () => startStandalone(true, true),
  },
  "leased-guarded": {
    name: "leased lists, and guarded writes",
    guarded: true,
    leased: true,
    strict: true,
    startTopology: () => startStandalone(false, true),
  },
  "leased-failover": {
    name: "leased lists, and Sentinel failovers",
    guarded: false,
    leased: true,
    strict: false,
    startTopology: startSentinelTopology,
  },
};
