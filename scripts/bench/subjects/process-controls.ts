// What every subject's process can be asked about itself.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Controls } from "./subject.js";

const COLLECTIONS = 3;

let delays = monitorEventLoopDelay({ resolution: 1 });

export interface Memory {
  readonly heapBytes: number;
  /** Outside V8's heap: what Buffers hold. */
  readonly externalBytes: number;
}

export const processControls: Controls = {
  /** Milliseconds of CPU time so far, of all threads. */
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  /** What is in use after a collection; the process runs with --expose-gc. */
  memory: (): Memory => {
    for (let collection = 0; collection < COLLECTIONS; collection++) globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return { heapBytes: heapUsed, externalBytes: external };
  },
  startDelays: () => {
    delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
  },
  /** Milliseconds, without the timer's own one. */
  stopDelays: () => {
    delays.disable();
    return {
      p50Ms: delays.percentile(50) / 1e6 - 1,
      p99Ms: delays.percentile(99) / 1e6 - 1,
      maxMs: delays.max / 1e6 - 1,
    };
  },
};
