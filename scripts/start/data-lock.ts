// Keeps two starts from using one data folder at the same time: the second would end the first one's PostgreSQL.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

/** The name of the lock: short, because a socket's path may have no more than 107 bytes. */
function lockPath(folder: string): string {
  const name = `tenant-cache-crm-${createHash("sha256").update(folder).digest("hex").slice(0, 16)}`;
  return process.platform === "win32" ? path.join("\\\\.\\pipe", name) : path.join(tmpdir(), `${name}.lock`);
}

function isHeld(lock: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(lock);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/**
 * Takes the folder for this process, until it ends: a listening socket goes with its process even on SIGKILL, which
 * a file with a process id does not.
 * @throws Error in one line when another process has it
 */
export async function lockFolder(folder: string): Promise<void> {
  const lock = lockPath(folder);
  if (await isHeld(lock)) {
    throw new Error(`another npm start uses ${folder}: stop it, or choose another folder with --data`);
  }
  if (process.platform !== "win32") rmSync(lock, { force: true });
  const server = createServer((socket) => socket.destroy());
  server.listen(lock);
  await once(server, "listening");
  server.unref();
}
