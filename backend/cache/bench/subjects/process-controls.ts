// What every subject's process can be asked about itself.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Controls } from "./subject.js";

const COLLECTIONS = 3;
const RESOLUTION_MS = 1;

let delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

export interface Memory {
  readonly heapBytes: number;
  /** Outside V8's heap: what Buffers hold. */
  readonly externalBytes: number;
  /** What the system has given to the process. */
  readonly residentBytes: number;
}

/** Of the event loop, beyond what the timer that looks at it takes. */
export interface Delays {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export const processControls: Controls = {
  /** Subjects that work behind their responses wait for that instead. */
  idle: () => undefined,
  /** Milliseconds of CPU time so far, of all threads. */
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  /** What is in use after a collection; the process runs with --expose-gc. */
  memory: (): Memory => {
    for (let collection = 0; collection < COLLECTIONS; collection++) globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heapBytes: heapUsed, externalBytes: external, residentBytes: rss };
  },
  startDelays: () => {
    delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delays.enable();
  },
  stopDelays: (): Delays => {
    delays.disable();
    return {
      p50Ms: beyondTimer(delays.percentile(50)),
      p99Ms: beyondTimer(delays.percentile(99)),
      maxMs: beyondTimer(delays.max),
    };
  },
};

function beyondTimer(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
