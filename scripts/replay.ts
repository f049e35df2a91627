// `npm run replay`: a working day of traffic on the services, twice in a minute and a half, and what the cache made of it.
import cliProgress from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { replayDay } from "./replay/replay-day.js";
import { formatReport } from "./replay/replay-report.js";

interface Options {
  readonly seed: number;
  readonly hours: number;
  readonly tenants: number;
  readonly json?: true;
}

const NOT_RUN_EXIT_CODE = 2;
// 2,000 accounts for the largest tenant, and with them ten technicians.
const SCALE = 0.1;

const program = new Command("replay")
  .description(
    "Replays a working day of eight hours on users, technicians, schedules, tasks and reports, and on the overlay: readers " +
      "and writers as in scripts/replay/habits.ts and overlay-habits.ts, the real routes over HTTP, PostgreSQL, Redis and " +
      "another CRM of its own, time and TTLs both 300 times shorter. First the cache only observes; " +
      "then it caches. Prints the hit rate of each service, what was forecast for each module and what came of it, and the " +
      "database queries with and without the cache.",
  )
  .option("--seed <n>", "of the traffic; the same seed asks for the same", wholeNumber(0, 2 ** 31), 1)
  .option("--hours <n>", "of the day, from its beginning", wholeNumber(1, 8), 8)
  .option("--tenants <n>", "of the demo data, the largest first", wholeNumber(1, 20), 2)
  .option("--json", "print JSON; progress goes to standard error in any case")
  .addHelpText("after", "\nExit codes: 0 as wanted, 1 something is too low, 2 the replay could not be run.")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : NOT_RUN_EXIT_CODE))
  .parse();

process.exitCode = await main(program.opts<Options>());

async function main({ seed, hours, tenants, json }: Options): Promise<number> {
  const bar = new cliProgress.SingleBar(
    {
      format: "replaying {bar} {percentage}% | {value}/{total}",
      stream: process.stderr,
      stopOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  try {
    const report = await replayDay({
      seed,
      hours,
      tenants,
      scale: SCALE,
      onStep: (line) => console.error(line),
      onProgress: (done, total) => {
        if (!process.stderr.isTTY) return;
        if (done === 1) bar.start(total, 0);
        bar.update(done);
      },
    });
    console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
    return report.shortfalls.length === 0 ? 0 : 1;
  } catch (error) {
    bar.stop();
    console.error(error instanceof Error ? error.message : String(error));
    return NOT_RUN_EXIT_CODE;
  }
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
