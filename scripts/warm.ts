// `npm run warm`: fills the shared cache with what the services' readers are about to ask for.
import { existsSync } from "node:fs";
import cliProgress from "cli-progress";
import { Command } from "commander";
import { pino } from "pino";
import { createTenantCache } from "../backend/cache/index.js";
import { parseConfig } from "../backend/config.js";
import { createPool } from "../backend/db/pool.js";
import { projectFile } from "../backend/project-root.js";
import { openViews } from "../backend/services/index.js";
import { ViewWarmer, type WarmResult } from "../backend/services/warming/view-warmer.js";
import { WARM_PLAN_NAMES, type WarmPlanName } from "../backend/services/warming/warm-plans.js";

interface Options {
  readonly tenant?: readonly string[];
}

const program = new Command("warm")
  .description(
    "Reads the lists of users, the schedules of today and the next seven days, and the reports of this month into the " +
      "cache of REDIS_CACHE_URL, from the database of DATABASE_URL; both as the backend has them, in the environment or in .env.",
  )
  .option("--tenant <id...>", "only these tenants")
  .argument("[plans...]", `out of ${WARM_PLAN_NAMES.join(", ")}; all by default`)
  .addHelpText("after", "\nExit codes: 0 all is warm, 1 something failed.")
  .parse();

// The environment wins.
if (existsSync(projectFile(".env"))) process.loadEnvFile(projectFile(".env"));

try {
  const results = await warm(program.args.map(planOf), program.opts<Options>());
  for (const { plan, warmed, failed, error } of results)
    console.log(`${plan}: ${warmed} warmed, ${failed} failed${error === null ? "" : ` (${error})`}`);
  process.exitCode = results.some(({ failed }) => failed > 0) ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function warm(plans: readonly WarmPlanName[], { tenant }: Options): Promise<WarmResult[]> {
  const config = parseConfig(process.env);
  if (config.REDIS_CACHE_URL === undefined)
    throw new Error("REDIS_CACHE_URL is not set: without it every process has a cache of its own");
  const pool = createPool({ databaseUrl: config.DATABASE_URL, onError: (line) => console.error(line) });
  const cache = createTenantCache({
    redis: config.REDIS_CACHE_URL,
    tenant: () => undefined,
    keyPrefix: config.CACHE_KEY_PREFIX,
    manager: { preset: config.CACHE_TTL_PRESET },
    logger: pino({ level: "silent" }),
  });
  const bars = new cliProgress.MultiBar(
    { format: "{plan} {bar} {value}/{total}", stream: process.stderr },
    cliProgress.Presets.shades_classic,
  );
  const barOf = new Map<WarmPlanName, cliProgress.SingleBar>();
  try {
    if (!(await cache.ready())) throw new Error("the Redis of REDIS_CACHE_URL does not answer");
    return await new ViewWarmer(pool, openViews({ pool, cache })).warm({
      ...(plans.length > 0 && { plans }),
      ...(tenant && { tenantIds: tenant }),
      onProgress: (plan, done, total) => {
        if (!process.stderr.isTTY) return;
        const bar = barOf.get(plan) ?? bars.create(total, 0, { plan: plan.padEnd(9) });
        barOf.set(plan, bar);
        bar.update(done);
      },
    });
  } finally {
    bars.stop();
    await cache.idle();
    await cache.close();
    await pool.end();
  }
}

function planOf(name: string): WarmPlanName {
  const plan = WARM_PLAN_NAMES.find((known) => known === name);
  if (plan) return plan;
  throw new Error(`there is no plan ${JSON.stringify(name)}: choose out of ${WARM_PLAN_NAMES.join(", ")}`);
}
