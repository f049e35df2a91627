// `npm run audit` as a process of its own.
import { execFile, type SpawnOptions, spawn } from "node:child_process";
import { projectFile } from "../../project-root.js";

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PROGRAM = projectFile("dist/scripts/audit.js");

export function runAudit(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandRun> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** One that goes on until it is stopped. */
export function startAudit(args: readonly string[], env: NodeJS.ProcessEnv) {
  const options: SpawnOptions = { env, stdio: ["ignore", "pipe", "pipe", "ipc"] };
  return spawn(process.execPath, [PROGRAM, ...args], options);
}
