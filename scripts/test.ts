// `npm test`: format and lint, types, services, then every suite. Arguments select test files by a part of their path.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { projectFile, projectRoot } from "../backend/project-root.js";
import { startPostgresServer } from "../backend/test/services/postgres.js";
import { startRedisServer } from "../backend/test/services/redis-server.js";

interface Stoppable {
  readonly name: string;
  stop(): Promise<void>;
}

interface Counts {
  pass: number;
  fail: number;
}

const started: Stoppable[] = [];
let current: ChildProcess | undefined;
let interrupted = false;

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAtMs = performance.now();
  console.log(`\n=== ${name}`);
  const result = await work();
  console.log(`=== ${name}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  return result;
}

/** Runs a program to its end and counts what node's runner says at its end. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Counts> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    current = child;
    const counts: Counts = { pass: 0, fail: 0 };
    child.stdout.on("data", (chunk: Buffer) => {
      process.stdout.write(chunk);
      for (const [, what, count] of chunk.toString().matchAll(/^ℹ (pass|fail) (\d+)$/gm)) {
        counts[what as keyof Counts] += Number(count);
      }
    });
    child.on("error", reject);
    child.on("close", (code) => {
      current = undefined;
      if (code === 0 || counts.fail > 0) resolve(counts);
      else reject(new Error(`${path.basename(args[0] ?? command)} ended with ${code}`));
    });
  });
}

function bin(...parts: string[]): string {
  return projectFile("node_modules", ...parts);
}

/** Compiled suites of these kinds, those that the arguments select. */
function testFiles(kinds: readonly string[]): string[] {
  const wanted = process.argv.slice(2);
  return kinds
    .map((kind) => path.join("dist/backend/test", kind))
    .filter((folder) => existsSync(projectFile(folder)))
    .flatMap((folder) =>
      readdirSync(projectFile(folder), { encoding: "utf8", recursive: true }).map((file) =>
        path.join(folder, file),
      ),
    )
    .filter((file) => file.endsWith(".test.js"))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort();
}

async function runSuites(
  kinds: readonly string[],
  concurrency: number,
  env: NodeJS.ProcessEnv,
): Promise<Counts> {
  const files = testFiles(kinds);
  if (files.length === 0) return { pass: 0, fail: 0 };
  const flags = [
    "--enable-source-maps",
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${concurrency}`,
  ];
  return run(process.execPath, [...flags, ...files], env);
}

async function main(): Promise<number> {
  await step("format and lint", () =>
    run(process.execPath, [bin("@biomejs/biome/bin/biome"), "check", "--error-on-warnings", "."]),
  );
  await step("types and build", () =>
    run(process.execPath, [bin("typescript/bin/tsc"), "--project", "tsconfig.json"]),
  );
  const env = await step("services", startServices);
  const suites = await step("suites", () => runSuites(["unit", "contract", "integration", "http"], 2, env));
  // They stop, hang and kill servers: after the rest, and one at a time.
  const faults = await step("faults", () => runSuites(["faults"], 1, env));
  const pass = suites.pass + faults.pass;
  const fail = suites.fail + faults.fail;
  console.log(`\n${pass} passed, ${fail} failed`);
  if (pass + fail === 0) console.error("no test file matches");
  return fail === 0 && pass > 0 ? 0 : 1;
}

/** Servers that were named in the environment are used, the others are started. */
async function startServices(): Promise<NodeJS.ProcessEnv> {
  const env: NodeJS.ProcessEnv = {};
  if (!process.env.TEST_REDIS_URL) {
    const redis = await startRedisServer();
    started.push({ name: "Redis", stop: () => redis.stop() });
    env.TEST_REDIS_URL = redis.url;
  }
  if (!process.env.TEST_DATABASE_URL) {
    const postgres = await startPostgresServer();
    started.push({ name: "PostgreSQL", stop: () => postgres.stop() });
    env.TEST_DATABASE_URL = postgres.url;
  }
  console.log(
    `started: ${started.map(({ name }) => name).join(", ") || "nothing, all were named in the environment"}`,
  );
  return env;
}

async function stopAll(): Promise<void> {
  await Promise.allSettled(started.splice(0).map((service) => service.stop()));
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.removeAllListeners(signal);
  process.on(signal, () => {
    if (interrupted) return;
    interrupted = true;
    current?.kill("SIGTERM");
    void stopAll().then(() => process.exit(130));
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!interrupted) console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
