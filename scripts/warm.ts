// `npm run warm`: fills the shared cache with what the services' readers are about to ask for.
import { existsSync } from "node:fs";
import path from "node:path";
import cliProgress from "cli-progress";
import { Argument, Command } from "commander";
import type { CacheWarmer } from "express-tenant-cache";
import { pino } from "pino";
import { parseConfig } from "../backend/config.js";
import { noDatabase, withEmbeddedPostgres } from "../backend/db/embedded-postgres-running.js";
import { createPool } from "../backend/db/pool.js";
import { moduleTtls, openCache, openFeed } from "../backend/open-cache.js";
import { projectFile } from "../backend/project-root.js";
import { openViews } from "../backend/services/index.js";
import { WARM_PLAN_NAMES } from "../backend/services/warming/warm-plans.js";
import { type WarmReport, warmReport } from "../backend/services/warming/warm-report.js";
import { openWarmer } from "../backend/services/warming/warmer.js";

interface Options {
  readonly tenant?: readonly string[];
  readonly data: string;
}

const PATIENT_BUDGET_MS = 1000;

const program = new Command("warm")
  .description(
    "Reads the lists of users, the schedules of today and the next seven days, the reports of this month, and the first pages " +
      "and counts of accounts, leads, contacts and bizdevsources of active tenants into the cache of REDIS_CACHE_URL, from the database " +
      "of DATABASE_URL; both as the backend has them, in the environment or in .env. Without DATABASE_URL, from the database that a " +
      "running `npm start` has made.",
  )
  .option("--tenant <id...>", "only these tenants")
  .option(
    "--data <folder>",
    "that of the PostgreSQL of `npm start`, as it was given there",
    projectFile(".data"),
  )
  .addArgument(new Argument("[plans...]", "all by default").choices(WARM_PLAN_NAMES))
  .addHelpText("after", "\nExit codes: 0 all is warm, 1 something failed.")
  .parse();

// The environment wins.
if (existsSync(projectFile(".env"))) process.loadEnvFile(projectFile(".env"));

try {
  const reports = await warm(program.args, program.opts<Options>());
  for (const { plan, warmed, failed, error } of reports)
    console.log(`${plan}: ${warmed} warmed, ${failed} failed${error === null ? "" : ` (${error})`}`);
  process.exitCode = reports.some(({ error }) => error !== null) ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function warm(plans: readonly string[], { tenant, data }: Options): Promise<WarmReport[]> {
  const folder = path.resolve(data);
  const env = await withEmbeddedPostgres(process.env, folder);
  if (!env.DATABASE_URL && !env.DATABASE_URL_FILE) throw new Error(noDatabase(folder));
  const config = parseConfig(env);
  if (config.redisCache === undefined)
    throw new Error("REDIS_CACHE_URL is not set: without it every process has a cache of its own");
  const pool = createPool({ databaseUrl: config.DATABASE_URL, onError: (line) => console.error(line) });
  // Nobody waits for an answer here, so that a slow moment of Redis need not cost entries.
  const patient = { ...config, CACHE_BUDGET_MS: Math.max(config.CACHE_BUDGET_MS, PATIENT_BUDGET_MS) };
  const cache = openCache(patient, {
    feed: openFeed(config, pool),
    tenant: (req) => req.auth?.tenantId,
    logger: pino({ level: "silent" }),
  });
  try {
    if (!(await cache.ready())) throw new Error("the Redis of REDIS_CACHE_URL does not answer");
    const warmer = openWarmer({
      pool,
      cache,
      views: openViews({ pool, cache }),
      ttlSeconds: moduleTtls(config),
    });
    const bars = process.stderr.isTTY ? showProgress(warmer) : undefined;
    const results = await warmer.warmAll({
      names: plans.length > 0 ? plans : undefined,
      tenantIds: tenant,
    });
    bars?.stop();
    return results.map(warmReport);
  } finally {
    await cache.idle();
    await cache.close();
    await pool.end();
  }
}

function showProgress(warmer: CacheWarmer): cliProgress.MultiBar {
  const bars = new cliProgress.MultiBar(
    { format: "{name} {bar} {value}/{total}", stream: process.stderr },
    cliProgress.Presets.shades_classic,
  );
  const barOf = new Map<string, cliProgress.SingleBar>();
  warmer.on("started", ({ name, total }) =>
    barOf.set(name, bars.create(total, 0, { name: name.padEnd(13) })),
  );
  warmer.on("progress", ({ name, done }) => barOf.get(name)?.update(done));
  return bars;
}
