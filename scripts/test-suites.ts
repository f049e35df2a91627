// Finds the test files and has node's own runner run them; the counts of several runs are added up.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { projectFile, projectRoot } from "../backend/project-root.js";

/** What node's runner counts, in the order in which it prints them. */
const COUNTED = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo"] as const;

/** Totals of one or more runs of node's test runner. */
export type Counts = Record<(typeof COUNTED)[number], number>;

const FILE_TIMEOUT_MS = 300_000;

/** Counts of a run that ran nothing. */
export const noCounts = (): Counts => ({
  tests: 0,
  suites: 0,
  pass: 0,
  fail: 0,
  cancelled: 0,
  skipped: 0,
  todo: 0,
});

/** Adds the counts of two runs. */
export function addCounts(left: Counts, right: Counts): Counts {
  const sum = noCounts();
  for (const what of COUNTED) sum[what] = left[what] + right[what];
  return sum;
}

/** The closing lines of node's spec reporter. */
export function formatCounts(counts: Counts, durationMs: number): string {
  return [
    ...COUNTED.map((what) => `ℹ ${what} ${counts[what]}`),
    `ℹ duration_ms ${durationMs.toFixed(0)}`,
  ].join("\n");
}

/**
 * Compiled suites of the kinds (folders of backend/test) whose path holds one of the parts; all without parts.
 * Listed from the sources: dist/ may still hold a suite whose source is gone.
 */
export function findTestFiles(kinds: readonly string[], parts: readonly string[]): string[] {
  return kinds
    .map((kind) => path.join("backend/test", kind))
    .filter((folder) => existsSync(projectFile(folder)))
    .flatMap((folder) =>
      readdirSync(projectFile(folder), { encoding: "utf8", recursive: true }).map((file) =>
        path.join(folder, file),
      ),
    )
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .map((file) => path.join("dist", file.replace(/\.ts$/, ".js")))
    .sort();
}

/** How {@link runTestFiles} runs its files. */
export interface RunOptions {
  /** Files at the same time. */
  readonly concurrency: number;
  /** Added to the environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Called with the runner's process, so that it can be stopped. */
  readonly onSpawn: (runner: ChildProcess) => void;
}

/**
 * Runs the files, each in its own process, and prints what node's spec reporter says.
 * @throws Error when the runner itself failed, which its counts would not show
 */
export async function runTestFiles(files: readonly string[], options: RunOptions): Promise<Counts> {
  const counts = noCounts();
  if (files.length === 0) return counts;
  const flags = [
    "--enable-source-maps",
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${options.concurrency}`,
    `--test-timeout=${FILE_TIMEOUT_MS}`,
  ];
  const runner = spawn(process.execPath, [...flags, ...files], {
    cwd: projectRoot,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  options.onSpawn(runner);
  const exited = new Promise<number | null>((resolve, reject) => {
    runner.once("error", reject);
    runner.once("close", resolve);
  });
  for await (const line of createInterface({ input: runner.stdout })) {
    console.log(line);
    const [, what, count] = /^ℹ (\w+) (\d+)$/.exec(line) ?? [];
    const counted = COUNTED.find((name) => name === what);
    if (counted !== undefined) counts[counted] += Number(count);
  }
  const code = await exited;
  if (code !== 0 && counts.fail + counts.cancelled === 0)
    throw new Error(`node's test runner ended with ${code}`);
  return counts;
}
