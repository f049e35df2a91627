// `npm run bench`: how fast the cache is beside bare Express, other caches and none, on servers that it starts itself.
import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { messageOf } from "../src/thrown.js";
import { Bench } from "./bench.js";
import { describeMachine, formatMachine } from "./machine.js";
import { nodeBinary } from "./node-of-subjects.js";
import { formatForConsole, type SuiteReport, verdictTable } from "./report.js";
import { installCompetitors } from "./subjects/competitors.js";
import { SUBJECTS, subjectNamed } from "./subjects.js";
import { SUITE_NAMES, SUITES, type SuiteName, USUAL_SUITES } from "./suites.js";
import { VARIANTS, type Variant } from "./variants.js";
import { type Run, writeDocs } from "./write-docs.js";

interface Arguments {
  readonly quick?: true;
  readonly suite: readonly SuiteName[];
  readonly rounds?: number;
  readonly lists?: number;
  readonly subjects?: readonly string[];
  readonly variants: readonly Variant[];
  readonly json?: string;
  readonly docs?: true;
  readonly node?: string;
  readonly entries?: number;
  readonly tenants?: number;
  readonly processes?: number;
  readonly minutes?: number;
  readonly maxMemoryMb?: number;
  readonly perSecond?: number;
  readonly profile?: string;
}

const ROUNDS = { quick: 1, full: 5 };
const LISTS = { quick: 100, full: 2000 };

const given = new Command("bench")
  .description("Measures the cache beside bare Express, other caches and none.")
  .option("--quick", "every suite in small, within three minutes: shows the order of magnitude")
  .addOption(
    new Option("--suite <name...>", "only these")
      .choices(SUITE_NAMES)
      .default(USUAL_SUITES, "all but feed and scale"),
  )
  .option("--subjects <name...>", `only these of ${SUBJECTS.map(({ name }) => name).join(", ")}`)
  .addOption(new Option("--variants <name...>", "ask only so").choices(VARIANTS).default(VARIANTS, "all"))
  .option("--rounds <n>", "how often each subject is visited (default: 5, quick: 1)", positive)
  .option("--lists <n>", "how many lists are asked for (default: 2000, quick: 100)", positive)
  .option(
    "--profile <folder>",
    "leaves a CPU profile of each subject there; figures are then of profiled subjects",
  )
  .option("--node <version>", "subjects run under this Node (a version of npm's package `node`, or a binary)")
  .option("--entries <n>", "of the suite scale (default: 10,000,000, quick: 300,000)", positive)
  .option("--tenants <n>", "the same (default: 10,000)", positive)
  .option("--processes <n>", "the same (default: 4)", positive)
  .option("--minutes <n>", "of its steady load (default: 40, quick: 2)", positiveNumber)
  .option("--max-memory-mb <n>", "of its Redis nodes together (default: 6144, quick: 240)", positive)
  .option("--per-second <n>", "requests of its steady load (default: 200)", positive)
  .option("--json <file>", "writes every round, and what it was measured on")
  .option(
    "--docs",
    "writes tables, rounds and the chart into docs/benchmarks/; suites that were not run stay as they were there",
  )
  .parse()
  .opts<Arguments>();

const quick = given.quick ?? false;
const subjects = given.subjects?.map(subjectNamed) ?? SUBJECTS;
const node = nodeBinary(given.node);
const bench = new Bench({
  node,
  quick,
  rounds: given.rounds ?? (quick ? ROUNDS.quick : ROUNDS.full),
  lists: given.lists ?? (quick ? LISTS.quick : LISTS.full),
  profileFolder: given.profile,
  scale: {
    entries: given.entries,
    tenants: given.tenants,
    processes: given.processes,
    minutes: given.minutes,
    maxMemoryMb: given.maxMemoryMb,
    perSecond: given.perSecond,
  },
  subjects,
  variants: given.variants,
});
// Servers and subjects end with this process, however it goes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const needsCompetitors = given.suite.includes("throughput") && subjects.some((each) => each.isInstalledApart);
if (given.docs || needsCompetitors) installCompetitors();
const machine = await describeMachine(bench.cores, node);
console.log(formatMachine(machine));
const reports: SuiteReport[] = [];
try {
  for (const name of given.suite) reports.push(await run(name));
} finally {
  await bench.end();
}
const verdicts = reports.flatMap((report) => report.verdicts);
if (verdicts.length > 0) console.log(formatForConsole(verdictTable(verdicts)));
const done: Run = {
  machine,
  reports: reports.map((report) => ({ ...report, date: new Date().toISOString(), quick })),
};
if (given.json)
  writeFileSync(
    given.json,
    `${JSON.stringify(done, undefined, 1)}
`,
  );
if (given.docs) writeDocs(done);
process.exit(reports.some(({ failures }) => failures.length > 0) ? 1 : 0);

async function run(name: SuiteName): Promise<SuiteReport> {
  const startedAtMs = performance.now();
  const report = await SUITES[name](bench).catch((error: unknown) => nothingOf(name, error));
  for (const table of report.tables) console.log(formatForConsole(table));
  for (const failure of report.failures) console.log(`NOT MEASURED, or doubtful: ${failure}`);
  console.log(`${name}: ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s`);
  return report;
}

/** A suite that cannot be run does not take the others' figures with it. */
function nothingOf(suite: SuiteName, error: unknown): SuiteReport {
  const reason = messageOf(error);
  return { suite, tables: [], verdicts: [], failures: [`${suite}: ${reason}`], rounds: [] };
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError("It is a number above 0.");
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It is a whole number above 0.");
}
