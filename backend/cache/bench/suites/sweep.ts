// Sweep: what hits feel of the removal of invalidated entries behind them, in the process that sweeps.
import { Redis } from "ioredis";
import type { Bench } from "../bench.js";
import { countListed, fillerModule, fillUpTo } from "../filler.js";
import { openLoop } from "../load/open-loop.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport, Verdict } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median, quantile } from "../statistics.js";
import { measureStolen } from "../stolen-time.js";
import type { SweepQuestion } from "../subjects/cached-list.js";
import { subjectNamed } from "../subjects.js";
import { verify } from "../verify.js";
import { expectedLists } from "./throughput.js";

const KEYS = { quick: 20_000, full: 1_000_000 };
const SECONDS = { quick: 1, full: 5 };
/** What a round invalidates: as many entries as the sweep removes in a round's time, and somewhat more. */
const MODULES = { quick: 10, full: 1 };
const MAX_ROUNDS = 5;
const MAX_LISTS = 200;
const PER_SECOND = 500;
const MOST_TIMES_QUIET = 1.3;

interface Hits {
  readonly p99Ms: number;
  readonly stolenShare: number;
}

/** @param until ends it before its time */
type MeasureHits = (seconds: number, until?: Promise<unknown>) => Promise<Hits>;

interface Round {
  readonly quiet: Hits;
  readonly sweeping: Hits;
  readonly sweptKeys: number;
}

export async function sweep(bench: Bench): Promise<SuiteReport> {
  const kind = bench.options.quick ? "quick" : "full";
  const redis = await bench.startRedis();
  const subject = subjectNamed("list-strict");
  const process = await bench.startSubject(subject, { redisUrl: redis.url });
  const lists = await expectedLists(bench, Math.min(MAX_LISTS, bench.options.lists));
  const requests = await verify(subject, process, lists, "200");
  await fillUpTo(redis.url, KEYS[kind]);
  const hits: MeasureHits = async (seconds, until) => {
    const request = (index: number) => requests[index % requests.length] as LoadRequest;
    const options = { port: process.port, request, perSecond: PER_SECOND, seconds };
    const stolen = measureStolen(bench.cores);
    const { durationsMs } = await openLoop({ ...options, ...(until && { until }) });
    return { p99Ms: quantile(durationsMs, 0.99), stolenShare: stolen() };
  };
  await hits(SECONDS.quick);
  const client = new Redis(redis.url);
  try {
    const rounds: Round[] = [];
    const wanted = Math.min(MAX_ROUNDS, bench.options.rounds);
    for (let round = 0; round < wanted; round++) {
      const modules = Array.from({ length: MODULES[kind] }, (_, index) =>
        fillerModule(round * MODULES[kind] + index),
      );
      rounds.push(await measureRound(process, client, hits, modules, SECONDS[kind]));
    }
    return report(subject.title, KEYS[kind], rounds);
  } finally {
    client.disconnect();
    await process.stop();
    await redis.stop();
  }
}

/** Hits while nothing is swept, and until the modules' entries are gone. */
async function measureRound(
  process: SubjectProcess,
  client: Redis,
  hits: MeasureHits,
  modules: SweepQuestion["modules"],
  seconds: number,
): Promise<Round> {
  const quiet = await hits(seconds);
  const listed = await Promise.all(modules.map((module) => countListed(client, module)));
  const entries = listed.reduce((sum, count) => sum + count, 0);
  const swept = process.ask("sweep", { modules, entries } satisfies SweepQuestion);
  // Awaited below, where it throws.
  const ended = swept.catch(() => undefined);
  const sweeping = await hits(Number.POSITIVE_INFINITY, ended);
  await swept;
  return { quiet, sweeping, sweptKeys: entries };
}

function report(title: string, keyCount: number, rounds: readonly Round[]): SuiteReport {
  const keys = keyCount.toLocaleString("en");
  const quiet = rounds.map((round) => round.quiet);
  const sweeping = rounds.map((round) => round.sweeping);
  const quietP99Ms = medianOf(quiet, "p99Ms");
  const ratioOf = (hits: readonly Hits[]) => medianOf(hits, "p99Ms") / quietP99Ms;
  const row = (name: string, hits: readonly Hits[], ratios: readonly number[], sweptKeys: string) => [
    name,
    formatNumber(quietP99Ms),
    formatNumber(medianOf(hits, "p99Ms")),
    formatNumber(ratioOf(hits)),
    formatSpread(ratios),
    sweptKeys,
    formatNumber(100 * medianOf(quiet, "stolenShare")),
    formatNumber(100 * medianOf(hits, "stolenShare")),
  ];
  const sweptKeys = rounds.reduce((sum, round) => sum + round.sweptKeys, 0);
  const ratios = rounds.map((round) => round.sweeping.p99Ms / round.quiet.p99Ms);
  const rows = [
    row("what indexes list of invalidated modules", sweeping, ratios, sweptKeys.toLocaleString("en")),
  ];
  const verdicts = [verdictOn(`during sweeps of indexes among ${keys} keys`, ratioOf(sweeping))];
  return {
    suite: "sweep",
    tables: [
      {
        title: `Hits while sweeps go on among ${keys} keys: ${PER_SECOND} hits a second in the process that sweeps (${title})`,
        head: [
          "sweep",
          "p99 quiet, ms",
          "p99 during it, ms",
          "ratio",
          "ratio, spread of rounds",
          "keys removed",
          "stolen quiet, %",
          "stolen during it, %",
        ],
        rows,
      },
    ],
    verdicts,
    failures: [],
    rounds,
  };
}

function medianOf(hits: readonly Hits[], figure: keyof Hits): number {
  return median(hits.map((one) => one[figure]));
}

function verdictOn(when: string, ratio: number): Verdict {
  return {
    path: `p99 of hits ${when}`,
    floor: `at most ${MOST_TIMES_QUIET} of the quiet p99`,
    figure: formatNumber(ratio),
    reached: ratio <= MOST_TIMES_QUIET,
  };
}
