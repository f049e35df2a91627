// The faults of a run, by name.
import type { Random } from "./random.js";

/** In the words of the report. */
export const FAULTS = {
  hang: "Redis hung (SIGSTOP)",
  "restart-empty": "Redis killed (SIGKILL) and restarted empty",
  flush: "FLUSHALL",
  cut: "one backend cut off from Redis",
  stall: "one backend's packets to Redis lost",
  late: "one backend's packets to Redis, and messages to it, late",
  "pause-backend": "backend paused (SIGSTOP), at whatever it does",
  "kill-backend": "backend killed (SIGKILL)",
  "crash-writer": "backend killed (SIGKILL) between commit and invalidation",
  failover: "master killed (SIGKILL) with a lagging replica, failover",
  "two-masters": "master hung (SIGSTOP) until after its failover",
} as const;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** What the clients do meanwhile. */
export interface FaultWork {
  /**
   * Resolves when so many more writes have been answered: what a fault is for takes work, not time, which a
   * busy machine has less of.
   */
  written(writes: number): Promise<void>;
}

/** Does its harm, waits, and undoes it. */
export type Fault = (random: Random, work: FaultWork) => Promise<void>;

export type Faults = Readonly<Partial<Record<FaultName, Fault>>>;
