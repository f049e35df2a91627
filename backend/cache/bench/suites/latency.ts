// Latency at a fixed rate: what users see of each subject when it is not at its limit, and which of them cannot keep up.

import { messageOf } from "../../src/thrown.js";
import type { Bench } from "../bench.js";
import { load } from "../load/load.js";
import { openLoop } from "../load/open-loop.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median, quantile } from "../statistics.js";
import { BASELINE, QUICK_NAMES, SUBJECTS, type Subject, subjectNamed } from "../subjects.js";
import { verify } from "../verify.js";
import { expectedLists } from "./throughput.js";

/** Of what bare Express answers at most. */
const SHARES = { quick: [0.2], full: [0.05, 0.4] };
const SECONDS = { quick: 1, full: 4 };
const CALIBRATION = { connections: 32, seconds: 2 };

interface Point {
  readonly subject: Subject;
  readonly perSecond: number;
  readonly rounds: { p50Ms: number; p99Ms: number; p999Ms: number; failed: number; isSaturated: boolean }[];
}

interface Entered {
  readonly subject: Subject;
  readonly process: SubjectProcess;
  readonly requests: readonly LoadRequest[];
}

export async function latency(bench: Bench): Promise<SuiteReport> {
  const { quick, rounds } = bench.options;
  const subjects = bench.subjectsFor(
    SUBJECTS.map(({ name }) => name),
    [...QUICK_NAMES, "no-cache", "hand-written"],
  );
  const lists = await expectedLists(bench);
  const failures: string[] = [];
  const entered: Entered[] = [];
  for (const subject of [...new Set([subjectNamed(BASELINE), ...subjects])]) {
    const process = await bench.startSubject(subject);
    try {
      entered.push({ subject, process, requests: await verify(subject, process, lists, "200") });
    } catch (error) {
      failures.push(`${subject.title}: ${messageOf(error)}`);
      await process.stop();
    }
  }
  const rates = await ratesOf(entered[0], quick ? SHARES.quick : SHARES.full);
  const points: Point[] = rates.flatMap((perSecond) =>
    entered.map(({ subject }) => ({ subject, perSecond, rounds: [] })),
  );
  for (let round = 0; round < rounds; round++) {
    for (const point of points) {
      const found = entered.find(({ subject }) => subject === point.subject);
      // Who could not keep up in one round is not asked again.
      if (!found || point.rounds.some(({ isSaturated }) => isSaturated)) continue;
      point.rounds.push(await visit(found, point.perSecond, quick ? SECONDS.quick : SECONDS.full));
    }
  }
  for (const { process } of entered) await process.stop();
  return {
    suite: "latency",
    tables: rates.map((perSecond) => ({
      title: `Latency at ${formatNumber(perSecond)} requests a second`,
      head: ["subject", "p50 ms", "p99 ms", "p99, spread", "p99.9 ms", "failed"],
      rows: points.filter((point) => point.perSecond === perSecond).map(rowOf),
    })),
    verdicts: [],
    failures,
    rounds: points.map(({ subject, perSecond, rounds }) => ({ subject: subject.name, perSecond, rounds })),
  };
}

async function ratesOf(baseline: Entered | undefined, shares: readonly number[]): Promise<number[]> {
  if (!baseline) return [];
  const { perSecond } = await load({
    port: baseline.process.port,
    requests: baseline.requests,
    ...CALIBRATION,
  });
  return shares.map((share) => Number((perSecond * share).toPrecision(2)));
}

async function visit(
  { process, requests }: Entered,
  perSecond: number,
  seconds: number,
): Promise<Point["rounds"][number]> {
  const request = (index: number) => requests[index % requests.length] as LoadRequest;
  const { durationsMs, failed, isSaturated } = await openLoop({
    port: process.port,
    request,
    perSecond,
    seconds,
  });
  const at = (of: number) => quantile(durationsMs, of);
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), failed, isSaturated };
}

function rowOf({ subject, rounds }: Point): string[] {
  if (rounds.some(({ isSaturated }) => isSaturated)) return [subject.title, "cannot keep up", "", "", "", ""];
  const p99s = rounds.map(({ p99Ms }) => p99Ms);
  return [
    subject.title,
    formatNumber(median(rounds.map(({ p50Ms }) => p50Ms))),
    formatNumber(median(p99s)),
    formatSpread(p99s),
    formatNumber(median(rounds.map(({ p999Ms }) => p999Ms))),
    String(rounds.reduce((sum, { failed }) => sum + failed, 0)),
  ];
}
