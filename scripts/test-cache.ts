// `npm run test-cache`: measures a server's cache and proves that it tells the truth.
import { existsSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { projectFile } from "../backend/project-root.js";
import { formatReport, makeReport } from "./test-cache/cache-report.js";
import { runProbes, type Target } from "./test-cache/run-probes.js";

interface Options {
  readonly url?: string;
  readonly token?: string;
  readonly otherToken?: string;
  readonly requests: number;
  readonly json?: true;
}

const MAX_REQUESTS = 1000;
const NOT_RUN_EXIT_CODE = 2;
const INTERRUPTED_EXIT_CODE = 130;

const program = new Command("test-cache")
  .description(
    "Measures the lists of every module without the cache, the first time and cached; then changes a record and " +
      "checks that the next read is fresh, that another tenant's entry survives, and that the statistics moved.",
  )
  .option("--url <url>", "server to test; without it, one is started for the test and stopped afterwards")
  .option("--token <jwt>", "bearer token of an admin of a tenant without other traffic")
  .option(
    "--other-token <jwt>",
    "bearer token of another tenant; without it, JWT_SECRET signs one for a tenant of DATABASE_URL",
  )
  .option("--requests <n>", "requests of each kind, for each module", parseRequests, 30)
  .option("--json", "print JSON; progress goes to standard error in any case")
  .addHelpText(
    "after",
    `
Writes one marked record a module, and an order for the task, and deletes them again. Counters are one process's: behind a load balancer, test
each process by its own URL.

Exit codes: 0 nothing failed, 1 a check failed, 2 the test could not be run.`,
  )
  // Its own exit code for wrong options is the one of a failed check.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : NOT_RUN_EXIT_CODE))
  .parse();

// JWT_SECRET, DATABASE_URL, and what a server of our own is to use, as `npm start` reads them. The environment wins.
if (existsSync(projectFile(".env"))) process.loadEnvFile(projectFile(".env"));

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
process.exitCode = await main(program.opts<Options>());

async function main(options: Options): Promise<number> {
  let stop = async () => {};
  try {
    let target: Target;
    if (options.url === undefined) ({ target, stop } = await own(options));
    else target = await running(options.url, options);
    const modules = await runProbes(target, options.requests, interruption.signal);
    const report = makeReport(target.baseUrl, options.requests, modules);
    console.log(options.json ? JSON.stringify(report, null, 2) : formatReport(report));
    return report.ok ? 0 : 1;
  } catch (error) {
    if (interruption.signal.aborted) return INTERRUPTED_EXIT_CODE;
    console.error(error instanceof Error ? error.message : String(error));
    return NOT_RUN_EXIT_CODE;
  } finally {
    await stop();
  }
}

/** The first time, what has been made and started is taken away again. */
function interrupt(): void {
  if (interruption.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
  interruption.abort();
}

async function own({ token, otherToken }: Options) {
  if (token !== undefined || otherToken !== undefined) {
    throw new Error("--token and --other-token are for a server that runs already: pass its --url too");
  }
  const { startOwnServer } = await import("./test-cache/own-server.js");
  return await startOwnServer((line) => console.error(line));
}

async function running(url: string, { token, otherToken }: Options): Promise<Target> {
  if (token === undefined) throw new Error("--url needs a --token: that of an admin of one of its tenants");
  const { findRunningServer } = await import("./test-cache/running-server.js");
  return await findRunningServer({ url, token, otherToken, signal: interruption.signal });
}

function parseRequests(text: string): number {
  const requests = Number(text);
  if (!Number.isInteger(requests) || requests < 1 || requests > MAX_REQUESTS) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_REQUESTS}.`);
  }
  return requests;
}
