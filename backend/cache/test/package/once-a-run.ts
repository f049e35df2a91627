// What one file of a run makes for all others: those that come meanwhile wait for it.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const LOOK_EVERY_MS = 100;

/**
 * @param make makes it in a folder of its own; what it returns is kept as JSON beside that
 * @returns the folder, and what was returned; `undefined` outside of a run of Jest, where nothing is shared
 */
export async function onceARun<T>(
  name: string,
  make: (folder: string) => Promise<T>,
): Promise<{ readonly folder: string; readonly made: T } | undefined> {
  const run = process.env.TEST_RUN_FOLDER;
  if (run === undefined) return undefined;
  const [folder, made, owner] = ["", ".json", ".owner"].map((end) => path.join(run, name + end)) as [
    string,
    string,
    string,
  ];
  for (;;) {
    if (existsSync(made)) return { folder, made: JSON.parse(readFileSync(made, "utf8")) };
    if (owns(owner)) {
      try {
        // Whoever owned it may have made it between the two looks.
        if (!existsSync(made)) {
          rmSync(folder, { recursive: true, force: true });
          mkdirSync(folder);
          writeFileSync(`${made}.unfinished`, JSON.stringify(await make(folder)));
          renameSync(`${made}.unfinished`, made);
        }
      } finally {
        // Where it has failed, the next one tries it, and fails as loudly.
        rmSync(owner, { force: true });
      }
    } else await delay(LOOK_EVERY_MS);
  }
}

/** Whether this process is the one to make it. One that was ended while it made it owns nothing. */
function owns(owner: string): boolean {
  try {
    writeFileSync(owner, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    const pid = Number(existsSync(owner) ? readFileSync(owner, "utf8") : 0);
    if (pid > 0 && !isAlive(pid)) rmSync(owner, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
