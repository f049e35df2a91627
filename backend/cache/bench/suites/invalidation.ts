// Invalidation: what it adds to a write's response, beside one bare SET on the same connection, however many keys there are.
import type { RedisServer } from "../../../servers/index.js";
import type { Bench } from "../bench.js";
import { fillUpTo } from "../filler.js";
import type { SuiteReport } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median } from "../statistics.js";
import type { Alternation } from "../subjects/invalidation-probe.js";

const SIZES = { quick: [10_000, 20_000], full: [10_000, 1_000_000] };
const BURSTS = { quick: 10, full: 50 };
const UNCOUNTED_BURSTS = 5;
const PROBE = { name: "", title: "", program: "invalidation-probe", handler: "none" } as const;
const MOST_TIMES_A_SET = 1.5;
const SAME_WITHIN = 1.2;

interface Point {
  readonly size: number;
  readonly bursts: readonly Alternation[];
}

export async function invalidation(bench: Bench): Promise<SuiteReport> {
  const kind = bench.options.quick ? "quick" : "full";
  const sized: { size: number; redis: RedisServer; probe: SubjectProcess; bursts: Alternation[] }[] = [];
  for (const size of SIZES[kind]) {
    const redis = await bench.startRedis();
    await fillUpTo(redis.url, size);
    const probe = await bench.startSubject(PROBE, { redisUrl: redis.url });
    // Compiles what is timed.
    for (let burst = 0; burst < UNCOUNTED_BURSTS; burst++) await probe.ask("alternate");
    sized.push({ size, redis, probe, bursts: [] });
  }
  // The sizes take turns, so that what else the machine does meets them alike.
  for (let burst = 0; burst < BURSTS[kind]; burst++) {
    for (const { probe, bursts } of sized) bursts.push(await probe.ask<Alternation>("alternate"));
  }
  for (const { probe, redis } of sized) {
    await probe.stop();
    // A million keys are not kept for as long as the other suites take.
    await redis.stop();
  }
  const points: readonly Point[] = sized.map(({ size, bursts }) => ({ size, bursts }));
  const [small, large] = points.map(medianInvalidation);
  const growth = (large ?? Number.NaN) / (small ?? Number.NaN);
  return {
    suite: "invalidation",
    tables: [
      {
        title: "Invalidation beside a bare SET on the same connection, call by call",
        head: [
          "keys in the server",
          "SET, median µs",
          "invalidation, median µs",
          "ratio",
          "ratio, spread of bursts",
          "calls",
        ],
        rows: points.map((point) => [
          point.size.toLocaleString("en"),
          formatNumber(median(point.bursts.flatMap(({ setMs }) => setMs)) * 1000),
          formatNumber(medianInvalidation(point) * 1000),
          formatNumber(ratioOf(point.bursts)),
          formatSpread(countedBursts(point).map((burst) => ratioOf([burst]))),
          String(point.bursts.reduce((sum, { setMs }) => sum + setMs.length, 0)),
        ]),
      },
    ],
    verdicts: [
      ...points.map((point) => ({
        path: `invalidation at ${point.size.toLocaleString("en")} keys`,
        floor: `at most ${MOST_TIMES_A_SET} of a SET`,
        figure: formatNumber(ratioOf(point.bursts)),
        reached: ratioOf(point.bursts) <= MOST_TIMES_A_SET,
      })),
      {
        path: "invalidation, most keys over fewest",
        floor: `the same (at most ${SAME_WITHIN})`,
        figure: formatNumber(growth),
        reached: growth <= SAME_WITHIN,
      },
    ],
    failures: [],
    rounds: points.map((point) => ({ size: point.size, bursts: countedBursts(point).map(summaryOf) })),
  };
}

/** One that the machine held up for all its time has no calls. */
function countedBursts({ bursts }: Point): readonly Alternation[] {
  return bursts.filter(({ setMs }) => setMs.length > 0);
}

/** Of thousands of calls, which nobody reads one by one. */
function summaryOf({ setMs, invalidationMs }: Alternation) {
  return { calls: setMs.length, setMs: median(setMs), invalidationMs: median(invalidationMs) };
}

function ratioOf(bursts: readonly Alternation[]): number {
  const set = median(bursts.flatMap(({ setMs }) => setMs));
  return median(bursts.flatMap(({ invalidationMs }) => invalidationMs)) / set;
}

function medianInvalidation({ bursts }: Point): number {
  return median(bursts.flatMap(({ invalidationMs }) => invalidationMs));
}
