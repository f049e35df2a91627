// Distance: what becomes of hits, of the circuit and of the log where Redis is some milliseconds away.
import { startTcpProxy } from "../../../servers/tcp-proxy.js";
import type { Bench } from "../bench.js";
import { type Distance, HANDLER_MS, type Seen } from "../distance-terms.js";
import { openLoop } from "../load/open-loop.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport } from "../report.js";
import { formatNumber, quantile } from "../statistics.js";

const ROUND_TRIPS_MS = [1, 5, 10, 20, 40, 60, 100];
const DEFAULT_BUDGET_MS = 50;
/** Budgets are this many round trips, or the default. */
const ROUND_TRIPS_OF_BUDGET = 3;
/** Of a round trip, that it may take longer. */
const JITTER = 0.2;
const PER_SECOND = 20;
const PAGES = 10;
const WRITES_EVERY = 100;
const SECONDS = { quick: 2, full: 60 };

const QUANTILES = [0, 0.5, 0.9, 0.99, 1];

export async function distance(bench: Bench): Promise<SuiteReport> {
  const seconds = bench.options.quick ? SECONDS.quick : SECONDS.full;
  const redis = await bench.startRedis();
  const distances: Distance[] = [];
  for (const roundTripMs of ROUND_TRIPS_MS) {
    const delayMs = () => (roundTripMs / 2) * (1 + Math.random() * JITTER);
    const proxy = await startTcpProxy(redis.port, { delayMs });
    bench.onEnd(() => proxy.close());
    for (const budgetMs of [DEFAULT_BUDGET_MS, ROUND_TRIPS_OF_BUDGET * roundTripMs])
      distances.push({ roundTripMs, budgetMs, redisUrl: `redis://127.0.0.1:${proxy.port}` });
  }
  const program = { name: "", title: "", program: "distance-app", handler: "none" } as const;
  const app = await bench.startSubject(program, { redisUrl: redis.url, distances });
  const loadFor = (seconds: number) =>
    openLoop({ port: app.port, request: requestOf, perSecond: PER_SECOND * distances.length, seconds });
  /** Each cache in turn, each of its pages in turn. */
  const requestOf = (index: number): LoadRequest => {
    const turn = Math.floor(index / distances.length);
    const isWrite = turn % WRITES_EVERY === WRITES_EVERY - 1;
    const list = `/${index % distances.length}/list`;
    return {
      method: isWrite ? "POST" : "GET",
      target: isWrite ? list : `${list}/${turn % PAGES}`,
      headers: {},
    };
  };
  await loadFor(Math.min(seconds, 5));
  await app.ask("begin");
  const { failed } = await loadFor(seconds);
  const seen = await app.ask<readonly Seen[]>("seen");
  await app.stop();
  return {
    suite: "distance",
    tables: [
      {
        title: `Redis far away: ${PER_SECOND} requests a second for each cache, one in ${WRITES_EVERY} a write, a handler of ${HANDLER_MS} ms, ${seconds} s`,
        head: [
          "round trip ms",
          "budgetMs",
          "hits",
          "bypasses",
          "hit p50 ms",
          "hit p99 ms",
          "openings a minute",
          "log lines",
        ],
        rows: seen.map((each, index) => rowOf(distances[index] as Distance, each, seconds)),
      },
    ],
    verdicts: [],
    failures: failed > 0 ? [`${failed} requests failed`] : [],
    rounds: seen.map(({ hitMs, ...each }, index) => {
      const { roundTripMs, budgetMs } = distances[index] as Distance;
      // Each hit would be too much to keep.
      const quantiles = hitMs.length > 0 ? QUANTILES.map((of) => [of, quantile(hitMs, of)]) : [];
      return { roundTripMs, budgetMs, hits: hitMs.length, hitMs: Object.fromEntries(quantiles), ...each };
    }),
  };
}

function rowOf({ roundTripMs, budgetMs }: Distance, seen: Seen, seconds: number): string[] {
  const { hitMs, misses, bypasses, openings, lines } = seen;
  const share = (count: number) => `${formatNumber((100 * count) / (hitMs.length + misses + bypasses))} %`;
  return [
    String(roundTripMs),
    String(budgetMs),
    share(hitMs.length),
    share(bypasses),
    ...[0.5, 0.99].map((of) => (hitMs.length > 0 ? formatNumber(quantile(hitMs, of)) : "-")),
    formatNumber((openings * 60) / seconds),
    String(lines.length),
  ];
}
