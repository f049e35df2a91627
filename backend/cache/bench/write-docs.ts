// Writes what a run has found into docs/benchmarks/: tables, every round, and the chart.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { projectFile } from "../../project-root.js";
import { type Bar, drawThroughput } from "./chart.js";
import { formatMachine, type Machine } from "./machine.js";
import { formatAsMarkdown, type SuiteReport, verdictTable } from "./report.js";
import { BASELINE, SUBJECTS } from "./subjects.js";
import type { MeasuredThroughput } from "./suites/throughput-report.js";
import { SUITE_NAMES } from "./suites.js";

export interface Run {
  readonly machine: Machine;
  readonly reports: readonly DatedReport[];
}

interface DatedReport extends SuiteReport {
  readonly date: string;
  readonly quick: boolean;
  /** Where it was not the machine of the run that the report is in. */
  readonly machine?: Machine;
}

const FOLDER = "docs/benchmarks";
const RESULTS = projectFile(FOLDER, "results.json");

/** Suites that the run has not are kept from the last one: a long run may be made in pieces. */
export function writeDocs(run: Run): void {
  mkdirSync(projectFile(FOLDER), { recursive: true });
  const merged = withEarlier(run);
  const write = (name: string, text: string) => writeFileSync(projectFile(FOLDER, name), text);
  write("results.json", `${JSON.stringify(merged, undefined, 1)}\n`);
  write("results.md", markdownOf(merged));
  const throughput = merged.reports.find(({ suite }) => suite === "throughput");
  if (throughput)
    write("throughput.svg", drawThroughput(barsOf(throughput), subtitleOf(throughput, merged.machine)));
}

function withEarlier(run: Run): Run {
  if (!existsSync(RESULTS)) return run;
  const earlier = JSON.parse(readFileSync(RESULTS, "utf8")) as Run;
  const reports = SUITE_NAMES.flatMap((name) => {
    const now = run.reports.find(({ suite }) => suite === name);
    if (now) return [now];
    const then = earlier.reports.find(({ suite }) => suite === name);
    return then ? [{ machine: earlier.machine, ...then }] : [];
  });
  return { machine: run.machine, reports };
}

function markdownOf({ machine, reports }: Run): string {
  const verdicts = reports.flatMap((report) => report.verdicts);
  const failures = reports.flatMap((report) => report.failures);
  return [
    "# Results of `npm run bench`",
    "",
    "Written by `npm run bench -- --docs`; [benchmarks](../benchmarks.md) says what is measured and how. Every round is in",
    "[results.json](results.json).",
    "",
    `${formatMachine(machine)}.`,
    "",
    ...(failures.length > 0
      ? ["Not measured, or doubtful:", "", ...failures.map((failure) => `- ${failure}`), ""]
      : []),
    formatAsMarkdown(verdictTable(verdicts), "##"),
    ...reports.flatMap((report) => [
      `## ${report.suite}`,
      "",
      `${describe(report)}, at ${(report.machine ?? machine).commit}.`,
      "",
      ...report.tables.map((table) => formatAsMarkdown(table, "###")),
    ]),
  ]
    .join("\n")
    .replace(/\n+$/, "\n");
}

function describe({ date, quick }: DatedReport): string {
  return `${date.slice(0, 10)}${quick ? ", a quick run: orders of magnitude" : ""}`;
}

/** The plain GETs, the fastest first. */
function barsOf({ rounds }: SuiteReport): Bar[] {
  const measured = (rounds as readonly MeasuredThroughput[]).filter(({ variant }) => variant === "200");
  return measured
    .flatMap(({ subject, ratio }): Bar[] => {
      const found = SUBJECTS.find(({ name }) => name === subject);
      if (!found) return [];
      const kind = found.row ? "ours" : subject === BASELINE ? "baseline" : "other";
      return [{ title: found.title, ratio, kind, ...(found.floor !== undefined && { floor: found.floor }) }];
    })
    .sort((left, right) => right.ratio - left.ratio);
}

function subtitleOf(report: DatedReport, machine: Machine): string {
  const { processor, versions } = report.machine ?? machine;
  return `20 KB JSON lists, 32 connections; ${processor}, Node ${versions.node}, ${describe(report)}. Red: what has to be reached`;
}
