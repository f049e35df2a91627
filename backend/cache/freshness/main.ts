// `npm run check:freshness`: looks for stale reads and leaks across processes and faults, and proves that it would see them.
import { randomInt } from "node:crypto";
import cliProgress from "cli-progress";
import { Command, InvalidArgumentError, Option } from "commander";
import { FAULT_NAMES, type FaultName } from "./faults.js";
import { FEED_PROTECTION_NAMES, type FeedProtection } from "./feed-protections.js";
import {
  catchingFeed,
  type FeedStageOptions,
  formatFeedReport,
  hasPassedFeed,
  runFeedStage,
} from "./feed-stage.js";
import { catching, PROTECTION_NAMES, PROTECTIONS, type Protection } from "./protections.js";
import { formatBound, formatReport, hasPassed } from "./report.js";
import { runStage, type StageOptions, type StageReport } from "./run-stage.js";
import type { StageName } from "./stage-name.js";
import { STAGES } from "./stages.js";

interface Arguments {
  readonly long?: true;
  readonly reads?: number;
  readonly seconds?: number;
  readonly processes: number;
  readonly clients: number;
  readonly writeShare: number;
  readonly faultPause?: number;
  readonly seed: number;
  readonly stage?: StageName | "feed";
  readonly faults?: readonly FaultName[];
  readonly without?: Protection | FeedProtection;
  readonly client?: "node-redis";
}

const LONG_RUN_READS = 1_000_000;
/** What part of the reads each stage gets; failovers are slow, and leave long times without a cache. */
const SHARES: Record<StageName, number> = {
  deferred: 0.25,
  guarded: 0.2,
  failover: 0.1,
  "guarded-failover": 0.1,
  leased: 0.15,
  "leased-guarded": 0.1,
  "leased-failover": 0.1,
};
/** Of the feed, in addition: each of its processes has a PostgreSQL behind it. */
const LONG_FEED_READS = 100_000;
const FEED_BOUND_MS = 250;
const SHORT_STAGE_SECONDS = 10;
/** Its faults are slow: PostgreSQL starts anew. */
const SHORT_FEED_SECONDS = 60;
const WRITE_SHARE = 0.01;
const SHORT_FAULT_PAUSE_MS = 600;
const LONG_FAULT_PAUSE_MS = 4000;

const given = new Command("check:freshness")
  .description("Looks for stale reads and leaks across processes and faults.")
  .option("--long", "a million reads, then every protection switched off in turn")
  .option("--reads <n>", "reads in all, instead of a time", positive)
  .option("--seconds <n>", "the longest that a stage may take", positive)
  .option("--processes <n>", "backend processes", positive, 4)
  .option("--clients <n>", "concurrent clients", positive, 24)
  .option("--write-share <part>", "part of the operations that are writes", partOf, WRITE_SHARE)
  .option("--fault-pause <ms>", "mean pause between faults", positive)
  .option("--seed <n>", "for the routes and the order of faults", positive, randomInt(1, 1_000_000))
  .addOption(new Option("--stage <name>", "only this stage").choices([...Object.keys(STAGES), "feed"]))
  .addOption(new Option("--faults <names...>", "only these faults").choices(FAULT_NAMES))
  .addOption(
    new Option("--without <protection>", "switch one off, and expect violations").choices([
      ...PROTECTION_NAMES,
      ...FEED_PROTECTION_NAMES,
    ]),
  )
  .addOption(
    new Option(
      "--client <name>",
      "whose client the cache is given, with --stage deferred or guarded",
    ).choices(["node-redis"]),
  )
  .parse()
  .opts<Arguments>();

console.log(`seed ${given.seed}, ${given.processes} backend processes, ${given.clients} clients`);
const passed = given.without ? await catches(given.without) : await checksAll();
process.exit(passed ? 0 : 1);

async function checksAll(): Promise<boolean> {
  if (given.stage === "feed") return checksFeed();
  const stages = given.stage ? [given.stage] : (Object.keys(STAGES) as StageName[]);
  const reports: StageReport[] = [];
  for (const stage of stages) reports.push(await runAndPrint(stage, allOn(stage, stages.length === 1)));
  const judged = reports.reduce((sum, { judged, excused }) => sum + judged - excused, 0);
  let passed = reports.every(hasPassed);
  if (passed) console.log(`\nAll stages: ${formatBound(judged)}`);
  if (given.stage) return passed;
  passed = (await checksFeed()) && passed;
  for (const protection of [...PROTECTION_NAMES, ...FEED_PROTECTION_NAMES])
    passed = (await catches(protection)) && passed;
  return passed;
}

/** No read that begins x after a COMMIT shows what was before it. */
function checksFeed(): Promise<boolean> {
  const total = given.reads ?? (given.long && LONG_FEED_READS);
  const seconds = given.seconds ?? (total === undefined ? SHORT_FEED_SECONDS : Number.POSITIVE_INFINITY);
  return runAndPrintFeed({
    ...{ reads: total ?? Number.POSITIVE_INFINITY, seconds, faultsDone: 0, stopAtViolation: false },
    faultPauseMs: given.faultPause ?? (total === undefined ? SHORT_FAULT_PAUSE_MS : LONG_FAULT_PAUSE_MS),
    // Minutes, where there is time.
    longestMs: given.long ? 180_000 : 3000,
  });
}

async function runAndPrintFeed(
  options: Omit<FeedStageOptions, "seed" | "processes" | "clients" | "maxDelayMs">,
): Promise<boolean> {
  const { seed, processes, clients } = given;
  const report = await runFeedStage({ seed, processes, clients, maxDelayMs: FEED_BOUND_MS, ...options });
  console.log(`\n${formatFeedReport(report)}`);
  if (!options.without && hasPassedFeed(report)) console.log(`  ${formatBound(report.judged)}`);
  return hasPassedFeed(report);
}

function isOfFeed(protection: Protection | FeedProtection): protection is FeedProtection {
  return (FEED_PROTECTION_NAMES as readonly string[]).includes(protection);
}

async function catches(protection: Protection | FeedProtection): Promise<boolean> {
  if (isOfFeed(protection)) {
    const seconds = given.seconds ?? Number.POSITIVE_INFINITY;
    return runAndPrintFeed({ ...catchingFeed(protection), seconds });
  }
  const options = { ...common(SHORT_FAULT_PAUSE_MS), seconds: given.seconds ?? Number.POSITIVE_INFINITY };
  return hasPassed(await runAndPrint(PROTECTIONS[protection].stage, { ...options, ...catching(protection) }));
}

function allOn(stage: StageName, isOnly: boolean): StageOptions {
  const total = given.reads ?? (given.long && LONG_RUN_READS);
  if (total === undefined) {
    const seconds = given.seconds ?? SHORT_STAGE_SECONDS;
    return { ...common(SHORT_FAULT_PAUSE_MS), reads: Number.POSITIVE_INFINITY, seconds };
  }
  const seconds = given.seconds ?? Number.POSITIVE_INFINITY;
  return { ...common(LONG_FAULT_PAUSE_MS), reads: Math.ceil(total * (isOnly ? 1 : SHARES[stage])), seconds };
}

function common(faultPauseMs: number): Omit<StageOptions, "reads" | "seconds"> {
  const { seed, processes, clients, client, faults, writeShare, faultPause = faultPauseMs } = given;
  return {
    seed,
    processes,
    clients,
    writeShare,
    faultPauseMs: faultPause,
    stopAtViolation: false,
    ...(faults && { faults }),
    ...(client && { client }),
  };
}

async function runAndPrint(name: StageName, options: StageOptions): Promise<StageReport> {
  const bar = new cliProgress.SingleBar(
    {
      format: `${options.without ? `without ${options.without}` : name} {bar} {value} reads`,
      noTTYOutput: true,
      notTTYSchedule: 10_000,
      clearOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  const isBounded = Number.isFinite(options.reads);
  if (isBounded) bar.start(options.reads, 0);
  const report = await runStage(STAGES[name], {
    ...options,
    onProgress: (reads) => {
      if (isBounded) bar.update(Math.min(reads, options.reads));
    },
  });
  bar.stop();
  console.log(`\n${formatReport(report)}`);
  return report;
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It is a whole number above 0.");
}

function partOf(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError("It is a number between 0 and 1.");
}
