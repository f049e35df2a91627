// `warm`: lists the app's warm-ups, or runs some and waits for them.
// Tests: test/integration/cli-app.test.ts
import { printable } from "../printable.js";
import { delay } from "../timers.js";
import { AppClient } from "./app-client.js";
import type { AppTarget } from "./app-target.js";
import { table } from "./columns.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode, wrongArguments } from "./exit-codes.js";
import { endOnSignals } from "./lasting.js";
import type { Output } from "./output.js";
import { countText, durationText } from "./quantities-text.js";

export interface WarmOptions {
  readonly tenant?: readonly string[] | undefined;
  readonly all?: boolean | undefined;
  readonly wait: boolean;
}

interface Progress {
  readonly name: string;
  readonly done: number;
  readonly failed: number;
  readonly total: number;
}

interface Run extends Progress {
  readonly durationMs: number;
  readonly error?: string | null;
}

interface Warmer {
  readonly strategies: readonly string[];
  readonly runs: readonly Run[];
  readonly underWay: readonly Progress[];
}

const LOOK_MS = 250;

export async function runWarm(
  context: Context,
  target: AppTarget,
  names: readonly string[],
  { tenant, all, wait }: WarmOptions,
): Promise<ExitCode> {
  const { output } = context;
  const client = new AppClient(target, context);
  const warmer = await client.get<Warmer>("warm");
  const unknown = names.find((name) => !warmer.strategies.includes(name));
  if (unknown !== undefined)
    throw wrongArguments(
      `warm: there is no ${unknown}; ${target.name} has ${warmer.strategies.join(", ") || "none"}`,
    );
  const wanted = all ? warmer.strategies : names;
  if (wanted.length === 0) {
    output.json(warmer);
    showAll(output, warmer);
    return EXIT.done;
  }
  const leave = endOnSignals(context);
  try {
    const results: (Run | Progress)[] = [];
    for (const name of wanted) {
      const before = newest(await client.get<Warmer>("warm"), name);
      await client.post("warm", { name, ...(tenant && { tenants: tenant }) });
      if (wait) results.push(await ended(context, client, name, before));
      else results.push({ name, done: 0, failed: 0, total: 0 });
      if (context.ended.aborted) break;
    }
    output.json(wait ? { results } : { started: wanted });
    for (const each of results) output.line(wait ? runText(each) : `${printable(each.name)}: started`);
    const isWell = results.every((each) => each.failed === 0 && !("error" in each && each.error));
    return isWell ? EXIT.done : EXIT.finding;
  } finally {
    leave();
  }
}

/** Until the newest run of this name is another one than before. */
async function ended(
  context: Context,
  client: AppClient,
  name: string,
  before: string,
): Promise<Run | Progress> {
  let last: Progress = { name, done: 0, failed: 0, total: 0 };
  for (;;) {
    await delay(LOOK_MS, undefined, { signal: context.ended }).catch(() => undefined);
    // The app goes on with it: only this command no longer waits.
    if (context.ended.aborted) return last;
    const warmer = await client.get<Warmer>("warm");
    const underWay = warmer.underWay.find((each) => each.name === name);
    if (underWay) {
      if (underWay.done !== last.done && process.stderr.isTTY)
        context.output.warn(`${printable(name)}: ${underWay.done} of ${underWay.total}`);
      last = underWay;
    } else if (newest(warmer, name) !== before) {
      const run = warmer.runs.find((each) => each.name === name);
      if (run) return run;
    }
  }
}

function newest({ runs }: Warmer, name: string): string {
  return JSON.stringify(runs.find((run) => run.name === name) ?? null);
}

function runText(run: Run | Progress): string {
  const { name, done, failed, total } = run;
  const took = "durationMs" in run ? ` in ${durationText(run.durationMs / 1000)}` : "";
  const error = "error" in run && run.error ? ` (${printable(run.error)})` : "";
  return `${printable(name)}: ${countText(done - failed)} of ${countText(total)} warm, ${countText(failed)} failed${took}${error}`;
}

function showAll(output: Output, { strategies, runs, underWay }: Warmer): void {
  if (strategies.length === 0) output.line("the app has no warm-ups");
  const rows = strategies.map((name) => {
    const now = underWay.find((each) => each.name === name);
    const last = runs.find((each) => each.name === name);
    const state = now
      ? `runs: ${now.done} of ${now.total}`
      : last
        ? runText(last).slice(name.length + 2)
        : "not run yet";
    return [printable(name), state];
  });
  if (rows.length > 0)
    for (const line of table(
      [{ title: "warm-up" }, { title: "last run", mayCut: true }],
      rows,
      output.columns,
    ))
      output.line(line);
}
