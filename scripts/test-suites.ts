// Finds the test files and runs them, each in a process of its own; the counts of all are added up.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../backend/project-root.js";
import { addCounts, type Counts, noCounts } from "./test-suites/counts.js";
import { PATIENCE, runTestFile } from "./test-suites/file-process.js";

/**
 * Compiled suites of the kinds (folders of the library's and the CRM's tests), in their order, whose path holds one of the parts; all without parts.
 * Listed from the sources: dist/ may still hold a suite whose source is gone.
 */
export function findTestFiles(kinds: readonly string[], parts: readonly string[]): string[] {
  return kinds
    .flatMap((kind) => ["backend/cache/test", "backend/test"].map((folder) => path.join(folder, kind)))
    .filter((folder) => existsSync(projectFile(folder)))
    .flatMap((folder) =>
      readdirSync(projectFile(folder), { encoding: "utf8", recursive: true })
        .sort()
        .map((file) => path.join(folder, file)),
    )
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .map((file) => path.join("dist", file.replace(/\.ts$/, ".js")));
}

/** Of a single file: the closing lines are those of all files together. */
const OWN_COUNTS = /^ℹ (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+\n/gm;

/** How {@link runTestFiles} runs its files. */
export interface RunOptions {
  /** Files at the same time. */
  readonly concurrency: number;
  /** Added to the environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends the files that run, and begins none. */
  readonly signal: AbortSignal;
}

/** What came of a run. */
export interface RunOutcome {
  readonly counts: Counts;
  /** The files in which something failed, was cancelled or hung. */
  readonly failed: readonly string[];
}

/** Prints what each file has printed when it has ended. */
export async function runTestFiles(
  files: readonly string[],
  { concurrency, env, signal }: RunOptions,
): Promise<RunOutcome> {
  let counts = noCounts();
  const failed: string[] = [];
  const left = [...files];
  const lane = async () => {
    for (let file = left.shift(); file !== undefined && !signal.aborted; file = left.shift()) {
      const startedAtMs = performance.now();
      const outcome = await runTestFile(file, { env, signal, patience: PATIENCE });
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      console.log(`\n${file} (${seconds} s)\n${outcome.output.replace(OWN_COUNTS, "")}`);
      counts = addCounts(counts, outcome.counts);
      if (outcome.counts.fail + outcome.counts.cancelled > 0) failed.push(file);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return { counts, failed };
}
