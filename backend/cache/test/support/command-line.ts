// The command line as people run it: in this process, as one of its own, or on a terminal through `script`, which makes one.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { projectFile } from "../../../project-root.js";
import { runCommandLine } from "../../src/cli/run-command-line.js";

/** What `npx express-tenant-cache` runs. */
export const PROGRAM = projectFile("backend", "cache", "dist", "cli", "main.js");

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly result: Promise<CommandResult>;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
}

/** In this process: what is about arguments and answers needs none of its own, which takes a second to start. */
export async function runHere(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  let [stdout, stderr] = ["", ""];
  const sink = (take: (text: string) => void) => ({ write: take });
  const code = await runCommandLine(args, "1.2.3", {
    stdout: sink((text) => {
      stdout += text;
    }),
    stderr: sink((text) => {
      stderr += text;
    }),
    env,
  });
  return { code, stdout, stderr };
}

/** Without what the machine that tests run on may have set. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME, SystemRoot } = process.env;
  return { PATH, HOME, SystemRoot, ...env };
}

export function startCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  program = PROGRAM,
): RunningCommand {
  return watched(spawn(process.execPath, [program, ...args], { env: environment(env) }));
}

export function runCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  program = PROGRAM,
): Promise<CommandResult> {
  const { child, result } = startCommand(args, env, program);
  child.stdin?.end();
  return result;
}

/** On a terminal of this size; what the terminal is like afterwards is the last line of the output. */
export function startOnTerminal(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  size: { readonly columns: number; readonly rows: number },
): RunningCommand {
  const quoted = [process.execPath, PROGRAM, ...args].map((each) => `'${each.replaceAll("'", "'\\''")}'`);
  const line = [
    `stty cols ${size.columns} rows ${size.rows}`,
    quoted.join(" "),
    'echo "code=$?"',
    "stty -a | tr ';' '\\n' | grep -o -E -- '-?(icanon|echo)( |$)' | tr '\\n' ' '",
  ].join("; ");
  return watched(
    spawn("script", ["-qec", line, "/dev/null"], {
      env: environment({ TERM: "xterm-256color", SHELL: "/bin/sh", ...env }),
    }),
  );
}

function watched(child: ChildProcess): RunningCommand {
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (data) => {
    stdout += data;
  });
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  const result = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, result, stdout: () => stdout, stderr: () => stderr };
}
