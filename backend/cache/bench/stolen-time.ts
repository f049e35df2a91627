// CPU time that the hypervisor gave to other machines while something was measured: why figures of a shared machine differ.
import { readFileSync } from "node:fs";
import type { Cores } from "./cores.js";

/** Begins to measure; call what it returns for the share of the cores' time that was stolen since. NaN where the system does not say. */
export function measureStolen(cores: Cores | undefined): () => number {
  const start = ticksOf(cores);
  return () => {
    const end = ticksOf(cores);
    return (end.stolen - start.stolen) / (end.all - start.all);
  };
}

/** Of the cores that are measured on, or of all. */
function ticksOf(cores: Cores | undefined): { readonly stolen: number; readonly all: number } {
  let stat = "";
  try {
    stat = readFileSync("/proc/stat", "utf8");
  } catch {
    // Not Linux.
  }
  const names = cores ? [cores.load, ...cores.servers].map((core) => `cpu${core}`) : ["cpu"];
  let stolen = 0;
  let all = 0;
  for (const line of stat.split("\n")) {
    const [name = "", ...ticks] = line.trim().split(/\s+/);
    if (!names.includes(name)) continue;
    // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of these.
    const counted = ticks.slice(0, 8).map(Number);
    stolen += counted[7] ?? 0;
    all += counted.reduce((sum, count) => sum + count, 0);
  }
  return { stolen, all };
}
