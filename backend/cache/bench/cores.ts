// Keeps the servers that are measured on cores of their own, apart from what loads them.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { onPath } from "../../servers/debian-package.js";

export interface Cores {
  /** Of this process and all that it starts: the load generator, Redis, PostgreSQL. */
  readonly load: number;
  /** Of the subject that is measured. */
  readonly server: number;
  /** Of several subjects that are measured together. */
  readonly servers: readonly number[];
}

/** `undefined` where nothing can be pinned: no `taskset`, a single core, or `BENCH_UNPINNED` beside other work that needs the cores. */
export function findCores(): Cores | undefined {
  if (process.env.BENCH_UNPINNED || process.platform !== "linux" || !onPath("taskset")) return undefined;
  const [load, ...others] = allowedCores();
  if (load === undefined || others.length === 0) return undefined;
  const siblings = siblingsOf(load);
  const server = others.find((core) => !siblings.includes(core)) ?? others[0] ?? load;
  return { load, server, servers: others };
}

/** Moves this process to the load's core; what it starts from now on is there too. */
export function moveToLoadCore({ load }: Cores): void {
  moveTo([load], process.pid);
}

/** Moves a process, with what it starts from now on. */
export function moveTo(cores: readonly number[], pid: number): void {
  spawnSync("taskset", ["-a", "-c", "-p", cores.join(","), String(pid)], { stdio: "ignore" });
}

/** A command line that runs on the given cores. */
export function pinned(
  cores: readonly number[] | undefined,
  command: string,
  args: readonly string[],
): [string, string[]] {
  if (!cores) return [command, [...args]];
  return ["taskset", ["-c", cores.join(","), command, ...args]];
}

function allowedCores(): number[] {
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return parseCoreList(allowed ?? "");
}

/** Hardware threads of one core share its caches and units: not what "another core" means, where there is a choice. */
function siblingsOf(core: number): number[] {
  try {
    const file = `/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`;
    return parseCoreList(readFileSync(file, "utf8"));
  } catch {
    return [];
  }
}

/** As Linux writes them: `0-3,8`. */
function parseCoreList(text: string): number[] {
  return text
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [from = 0, to = from] = part.split("-").map(Number);
      return Array.from({ length: to - from + 1 }, (_, index) => from + index);
    });
}
