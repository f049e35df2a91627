// What a supervisor that was killed left behind: a PostgreSQL that still runs, or a pid file of one that does not.
// Tests: test/integration/embedded-postgres.test.ts
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/** Whether a process of that id exists. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function commandLine(pid: number): Promise<string> {
  if (existsSync("/proc/self/cmdline")) {
    return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
  }
  return spawnSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).stdout ?? "";
}

async function waitUntilGone(pid: number): Promise<boolean> {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  // It is not our child (its parent is dead): there is no exit event to await.
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/**
 * Stops a PostgreSQL that still runs in the data folder, and removes the pid file of one that died. A process
 * that merely got its id (usual in containers, where ids start over) is left alone.
 * @throws Error when it does not stop.
 */
export async function endLeftover(data: string, log: (line: string) => void): Promise<void> {
  const pidFile = path.join(data, "postmaster.pid");
  const pid = Number((await readFile(pidFile, "utf8").catch(() => "")).split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 0) {
    await rm(pidFile, { force: true });
    return;
  }
  if (isAlive(pid) && (await commandLine(pid)).includes(data)) {
    log(`ending the PostgreSQL of an earlier start (pid ${pid})`);
    process.kill(pid, "SIGINT");
    if (!(await waitUntilGone(pid))) {
      process.kill(pid, "SIGQUIT");
      if (!(await waitUntilGone(pid)))
        throw new Error(`PostgreSQL of an earlier start (pid ${pid}) does not stop`);
    }
  }
  await rm(pidFile, { force: true });
}
