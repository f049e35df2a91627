// Where there is room in memory for what tests write and throw away: clusters of PostgreSQL and npm projects are thousands of small files.
// Tests: test/integration/memory-folder.test.ts
import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { freemem } from "node:os";

const SHARED_MEMORY = "/dev/shm";
/** More than a whole run has written at a time. */
const ENOUGH_BYTES = 4 * 2 ** 30;

/** The folder that Linux keeps in memory, where it is large enough and programs can be run from it; else `undefined`. */
export function memoryFolder(folder = SHARED_MEMORY, enoughBytes = ENOUGH_BYTES): string | undefined {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    const [, , type, options = ""] =
      readFileSync("/proc/mounts", "utf8")
        .split("\n")
        .map((mount) => mount.split(" "))
        // The last one covers those before it.
        .findLast(([, place]) => place === folder) ?? [];
    const isMemory = type === "tmpfs" && !options.split(",").includes("noexec");
    return isMemory && Math.min(bavail * bsize, freemem()) >= enoughBytes ? folder : undefined;
  } catch {
    // No Linux, or none that lets this user look.
    return undefined;
  }
}
