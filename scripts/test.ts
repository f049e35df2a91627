// `npm test`: format and lint, types, services, then every suite. Arguments select test files by a part of their path.
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { projectFile, projectRoot } from "../backend/project-root.js";
import { startPostgresServer, startRedisServer } from "../backend/servers/index.js";
import { addCounts, type Counts, formatCounts, noCounts } from "./test-suites/counts.js";
import { findTestFiles, runTestFiles } from "./test-suites.js";

const RUNS = [
  {
    name: "suites",
    kinds: ["unit", "contract", "integration", "http", "conformance", "faults"],
    // Most of them wait most of the time, for servers, timers and each other.
    concurrency: 2 * availableParallelism(),
  },
  // Every file of it packs the library, into one folder.
  { name: "package", kinds: ["package"], concurrency: 1 },
];
const INTERRUPTED_EXIT_CODE = 130;

const stops: (() => Promise<void>)[] = [];
const failed: string[] = [];
const failedFiles: string[] = [];
const stop = new AbortController();
let tool: ChildProcess | undefined;
let interrupted = false;

async function step(name: string, work: () => Promise<void>): Promise<void> {
  if (interrupted) return;
  const startedAtMs = performance.now();
  console.log(`\n=== ${name}`);
  try {
    await work();
  } catch (error) {
    failed.push(name);
    if (!interrupted) console.error(error instanceof Error ? error.message : String(error));
  }
  console.log(`=== ${name}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
}

function runTool(script: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [projectFile("node_modules", script), ...args], {
      cwd: projectRoot,
      stdio: ["ignore", "inherit", "inherit"],
    });
    tool = child;
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`${script} ended with ${code}`)),
    );
  });
}

/** Servers that are named in the environment are used, the others are started. */
async function startServices(): Promise<NodeJS.ProcessEnv> {
  const env: NodeJS.ProcessEnv = {};
  if (!process.env.TEST_REDIS_URL) {
    const redis = await startRedisServer();
    stops.push(() => redis.stop());
    env.TEST_REDIS_URL = redis.url;
  }
  if (!process.env.TEST_DATABASE_URL) {
    const postgres = await startPostgresServer();
    stops.push(() => postgres.stop());
    env.TEST_DATABASE_URL = postgres.url;
  }
  for (const name of ["TEST_REDIS_URL", "TEST_DATABASE_URL"]) {
    console.log(
      env[name] === undefined ? `${name}: as set in the environment` : `${name}: started for this run`,
    );
  }
  return env;
}

async function stopServices(): Promise<void> {
  await Promise.allSettled(stops.splice(0).map((stop) => stop()));
}

async function runSuites(): Promise<Counts> {
  let counts = noCounts();
  let env: NodeJS.ProcessEnv = {};
  await step("services", async () => {
    env = await startServices();
  });
  if (failed.includes("services")) return counts;
  for (const { name, kinds, concurrency } of RUNS) {
    const files = findTestFiles(kinds, process.argv.slice(2));
    if (files.length === 0) continue;
    await step(name, async () => {
      const run = await runTestFiles(files, { concurrency, env, signal: stop.signal });
      counts = addCounts(counts, run.counts);
      failedFiles.push(...run.failed);
      if (run.failed.length > 0) failed.push(name);
    });
  }
  if (counts.tests === 0 && !interrupted) {
    console.error(`No test ran: no file of a test matches ${process.argv.slice(2).join(", ")}`);
    failed.push("suites");
  }
  return counts;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // npm passes Ctrl-C on although the terminal has sent it here as well.
    if (interrupted) return;
    interrupted = true;
    tool?.kill("SIGTERM");
    stop.abort();
  });
}

const startedAtMs = performance.now();
await step("format and lint", () => runTool("@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."));
await step("types and build", async () => {
  // The package first: the backend imports it by its name.
  for (const project of ["backend/cache", "tsconfig.json"])
    await runTool("typescript/bin/tsc", "--project", projectFile(project));
});
// Suites of code that does not compile would run what was compiled before.
let counts = noCounts();
try {
  if (!failed.includes("types and build")) counts = await runSuites();
} finally {
  await stopServices();
}
for (const file of failedFiles) console.log(`✖ ${file}`);
console.log(
  interrupted ? "\nInterrupted" : failed.length > 0 ? `\nFailed: ${failed.join(", ")}` : "\nAll steps passed",
);
console.log(formatCounts(counts, performance.now() - startedAtMs));
process.exit(interrupted ? INTERRUPTED_EXIT_CODE : failed.length > 0 ? 1 : 0);
