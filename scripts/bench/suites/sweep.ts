// Sweep: what hits feel of the removal of invalidated entries behind them, in the process that sweeps.
import type { Bench } from "../bench.js";
import { fillerModule, fillUpTo } from "../filler.js";
import { openLoop } from "../load/open-loop.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport } from "../report.js";
import { formatNumber, formatSpread, median, quantile } from "../statistics.js";
import { subjectNamed } from "../subjects.js";
import { verify } from "../verify.js";
import { expectedLists } from "./throughput.js";

const KEYS = { quick: 20_000, full: 1_000_000 };
const SECONDS = { quick: 1, full: 5 };
const MAX_LISTS = 200;
const PER_SECOND = 500;
const MOST_TIMES_QUIET = 1.3;

interface Round {
  readonly quietP99Ms: number;
  readonly sweepingP99Ms: number;
  readonly sweeps: number;
}

export async function sweep(bench: Bench): Promise<SuiteReport> {
  const kind = bench.options.quick ? "quick" : "full";
  const { url: redisUrl } = await bench.startRedis();
  const subject = subjectNamed("list-strict");
  const process = await bench.startSubject(subject, { redisUrl });
  const requests = await verify(
    subject,
    process,
    await expectedLists(bench, Math.min(MAX_LISTS, bench.options.lists)),
    "200",
  );
  await fillUpTo(redisUrl, KEYS[kind]);
  const hits = async (seconds: number, until?: Promise<unknown>) => {
    const request = (index: number) => requests[index % requests.length] as LoadRequest;
    const options = { port: process.port, request, perSecond: PER_SECOND, seconds };
    const { durationsMs } = await openLoop({ ...options, ...(until && { until }) });
    return quantile(durationsMs, 0.99);
  };
  await hits(SECONDS.quick);
  let next = 0;
  const rounds: Round[] = [];
  for (let round = 0; round < bench.options.rounds; round++) {
    const quietP99Ms = await hits(SECONDS[kind]);
    const sweeping = sweepFor(SECONDS[kind] * 1000, () => process.ask("sweep", fillerModule(next++)));
    // At least as long as the sweep that has begun.
    const sweepingP99Ms = await hits(Number.POSITIVE_INFINITY, sweeping);
    rounds.push({ quietP99Ms, sweepingP99Ms, sweeps: await sweeping });
  }
  await process.stop();
  const ratios = rounds.map(({ quietP99Ms, sweepingP99Ms }) => sweepingP99Ms / quietP99Ms);
  const ratio =
    median(rounds.map((round) => round.sweepingP99Ms)) / median(rounds.map((round) => round.quietP99Ms));
  const keys = KEYS[kind].toLocaleString("en");
  return {
    suite: "sweep",
    tables: [
      {
        title: `Hits while sweeps remove entries among ${keys} keys: ${PER_SECOND} hits a second in the process that sweeps`,
        head: ["", "p99 quiet, ms", "p99 during sweeps, ms", "ratio", "ratio, spread", "sweeps"],
        rows: [
          [
            subject.title,
            formatNumber(median(rounds.map((round) => round.quietP99Ms))),
            formatNumber(median(rounds.map((round) => round.sweepingP99Ms))),
            formatNumber(ratio),
            formatSpread(ratios),
            String(next),
          ],
        ],
      },
    ],
    verdicts: [
      {
        path: `p99 of hits during sweeps among ${keys} keys`,
        floor: `at most ${MOST_TIMES_QUIET} of the quiet p99`,
        figure: formatNumber(ratio),
        reached: ratio <= MOST_TIMES_QUIET,
      },
    ],
    failures: [],
    rounds,
  };
}

/** One sweep after another, until the time is over. */
async function sweepFor(durationMs: number, sweepOne: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  let sweeps = 0;
  while (performance.now() - startedAtMs < durationMs) {
    await sweepOne();
    sweeps++;
  }
  return sweeps;
}
