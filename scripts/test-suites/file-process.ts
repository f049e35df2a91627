// Runs one test file in a process of its own, and ends it, saying where it hangs, when nothing moves in it any more.
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism, loadavg } from "node:os";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { projectRoot } from "../../backend/project-root.js";
import { guardChild } from "../../backend/servers/guard.js";
import { type Counts, isCounted, noCounts } from "./counts.js";
import type { Progress, TestAt } from "./progress.js";

const PROGRESS_REPORTER = new URL("./progress.js", import.meta.url).href;
const FLAGS = [
  "--enable-source-maps",
  "--test-reporter=spec",
  "--test-reporter-destination=stdout",
  `--test-reporter=${PROGRESS_REPORTER}`,
  "--test-reporter-destination=stdout",
];
const STARTS_WITHIN_MS = 300_000;

/**
 * How long nothing may begin or end on a quiet machine; on a busy one as many times as long as each core has to do. How long a whole file
 * takes is not looked at.
 */
export interface Patience {
  /** While a test, or a hook of a suite, is under way. */
  readonly testMs: number;
  /** When all that has begun has ended, until the process ends. */
  readonly endMs: number;
  /** For what is still open, before it is taken for busy. */
  readonly answerMs: number;
}

export const PATIENCE: Patience = { testMs: 300_000, endMs: 60_000, answerMs: 10_000 };

export interface FileOptions {
  /** Added to the environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly patience: Patience;
  /** Ends the file, and what it has started. */
  readonly signal: AbortSignal;
}

export interface FileOutcome {
  readonly counts: Counts;
  /** What it printed, and what is to be said of its end. */
  readonly output: string;
}

/** Never rejects: what goes wrong is a failure that is counted. */
export async function runTestFile(file: string, options: FileOptions): Promise<FileOutcome> {
  const child = spawn(process.execPath, [...FLAGS, file], {
    cwd: projectRoot,
    // The test of this runner runs in a process of node's own runner where somebody starts it by that.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env },
    // A group of its own, so that it ends with the processes that it has started.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => output.push(text));
  const release = child.pid === undefined ? () => undefined : guardChild(-child.pid, "SIGKILL", []);
  const end = () => endGroup(child);
  options.signal.addEventListener("abort", end);
  let hangs = "";
  const watch = new Watch(child, options.patience, (where) => {
    hangs = where;
    end();
  });
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", end);
    child.once("close", (code, signal) =>
      resolve(code === 0 ? undefined : String(signal ?? `exit code ${code}`)),
    );
  });
  watch.stop();
  release();
  options.signal.removeEventListener("abort", end);
  const { counts } = watch;
  if (failure !== undefined && counts.fail + counts.cancelled === 0) {
    counts.fail++;
    output.push(`\n✖ ${file} ${hangs || `ended with ${failure}`}\n`);
  }
  return { counts, output: output.join("") };
}

/** Servers that it had started are in groups of their own, and ended by its guardian. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

/** Follows what a file's process tells. */
class Watch {
  readonly counts = noCounts();
  readonly #child: ChildProcess;
  readonly #patience: Patience;
  readonly #onHang: (where: string) => void;
  /** Begun and not ended, the outermost first. */
  readonly #underWay: TestAt[] = [];
  #hasBegun = false;
  #answer: (open: Extract<Progress, { kind: "open" }>) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess, patience: Patience, onHang: (where: string) => void) {
    this.#child = child;
    this.#patience = patience;
    this.#onHang = onHang;
    const lines = createInterface({ input: child.stdio[3] as Readable });
    lines.on("line", (line) => this.#hear(JSON.parse(line) as Progress));
    this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #hear(progress: Progress): void {
    if (progress.kind === "open") {
      this.#answer(progress);
      return;
    }
    if (progress.kind === "counted") {
      if (isCounted(progress.what)) this.counts[progress.what] += progress.count;
    } else {
      this.#hasBegun = true;
      const { test } = progress;
      const at = this.#underWay.findIndex((other) => isDeepStrictEqual(other, test));
      if (progress.kind === "begun") this.#underWay.push(test);
      else if (at !== -1) this.#underWay.splice(at, 1);
    }
    this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const { testMs, endMs } = this.#patience;
    const quietMs = !this.#hasBegun ? STARTS_WITHIN_MS : this.#underWay.length > 0 ? testMs : endMs;
    const patienceMs = quietMs * slowdown();
    this.#timer = setTimeout(() => void this.#giveUp(patienceMs), patienceMs);
  }

  async #giveUp(patienceMs: number): Promise<void> {
    const answer = new Promise<Extract<Progress, { kind: "open" }>>((resolve) => {
      this.#answer = resolve;
    });
    this.#child.kill("SIGUSR2");
    const open = await Promise.race([answer, delay(this.#patience.answerMs, undefined, { ref: false })]);
    const seconds = (patienceMs / 1000).toFixed(1);
    const what = !this.#hasBegun
      ? `hangs: it has begun no test within ${seconds} s.`
      : this.#underWay.length > 0
        ? `hangs: nothing has begun or ended for ${seconds} s. Under way:`
        : `does not end: its tests have, ${seconds} s ago.`;
    const tests = this.#underWay.map(
      ({ name, nesting, line }) => `  ${"  ".repeat(nesting + 1)}${name} (line ${line} of the compiled file)`,
    );
    const opened = open
      ? openLines(open)
      : ["  It is busy in one turn of its event loop, and answers no signal."];
    this.#onHang([what, ...tests, ...opened].join("\n"));
  }
}

function slowdown(): number {
  const [runnable = 0] = loadavg();
  return Math.max(1, runnable / availableParallelism());
}

function openLines({ handles, resources }: Extract<Progress, { kind: "open" }>): string[] {
  return ["  Still open:", ...handles.map((handle) => `    ${handle}`), `    (${resources.join(", ")})`];
}
