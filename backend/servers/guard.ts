// Hands test servers to the guardian, so that none outlives the tests: not after Ctrl-C, a crash or SIGKILL.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { GuardOrder } from "./guardian.js";

let guardian: ChildProcess | undefined;
let guarded = 0;

function send(order: GuardOrder): void {
  if (guardian === undefined) {
    // A session of its own: Ctrl-C must not end it before it has done its work.
    guardian = spawn(process.execPath, [fileURLToPath(new URL("./guardian.js", import.meta.url))], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    guardian.unref();
    (guardian.stdin as Socket).unref();
  }
  guardian.stdin?.write(`${JSON.stringify(order)}\n`);
}

/**
 * Ends the child, and removes its folders, should this process end first. Until what it returns is called:
 * the child has ended by itself.
 * @param pid negative: the process group of the child
 * @param signal what ends it at once: SIGKILL, but SIGQUIT for PostgreSQL, which then frees its shared memory
 */
export function guardChild(pid: number, signal: NodeJS.Signals, folders: readonly string[]): () => void {
  return guard({ pid, signal, folders });
}

/** Removes the folder should this process end before what it returns is called. */
export function guardFolder(folder: string): () => void {
  return guard({ signal: "SIGKILL", folders: [folder] });
}

function guard(order: Omit<GuardOrder, "verb">): () => void {
  send({ verb: "guard", ...order });
  guarded++;
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    send({ verb: "release", ...order });
    guarded--;
    if (guarded > 0) return;
    // Nothing to guard any more: a runner loads this module once for each test file, and each would keep a
    // guardian.
    guardian?.stdin?.end();
    guardian = undefined;
  };
}
