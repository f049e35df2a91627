// The backend as a child process that ends when its parent does.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { projectFile } from "../backend/project-root.js";

export interface BackendProcess {
  /** Where it listens. */
  readonly port: number;
  /** Resolves with how it ended, whoever ended it. */
  readonly ended: Promise<string>;
  /** Has it drain; resolves when it has ended. */
  stop(): Promise<void>;
}

export interface BackendProcessOptions {
  /** The whole environment: nothing is added. */
  readonly env: NodeJS.ProcessEnv;
  /** Where its log goes. Default: standard output. */
  readonly log?: "stdout" | "stderr";
}

/**
 * Resolves when it listens.
 * @throws Error when it ends before; it has then printed why
 */
export async function startBackendProcess({
  env,
  log = "stdout",
}: BackendProcessOptions): Promise<BackendProcess> {
  const child = spawn(process.execPath, ["--enable-source-maps", projectFile("dist/backend/server.js")], {
    env,
    stdio: ["ignore", log === "stdout" ? 1 : 2, 2, "ipc"],
  });
  const ended = once(child, "exit").then(([code, signal]) => String(signal ?? `exit code ${code}`));
  const port = await Promise.race([listeningPort(child), ended]);
  if (typeof port === "string") throw new Error(`the backend did not start (${port})`);
  return {
    port,
    ended,
    async stop() {
      // Not a signal: after a Ctrl-C that the backend has seen too, it would be the second one, which ends it at once.
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** Never settles where the child does not come to listen. */
export function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on("message", (message: { type?: unknown; port?: unknown }) => {
      if (message.type === "listening" && typeof message.port === "number") resolve(message.port);
    });
  });
}
