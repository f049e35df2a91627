// The time on a core that a process of this machine has had, as Linux counts it.
import { readFileSync } from "node:fs";

/** So far; NaN where the system does not say it. */
export function cpuMsOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}
