// Redis is killed at full load, in front of a database that can do 50 queries at once: answers a second, and what the database is asked.
import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "../bench.js";
import { load } from "../load/load.js";
import { AT_ONCE, QUERY_MS } from "../outage-terms.js";
import type { SuiteReport } from "../report.js";
import { formatNumber, median } from "../statistics.js";

/** They are one tenant's, and the cache keeps a thousand of a module. */
const LISTS = { quick: 300, full: 800 };
const CONNECTIONS = 128;
const PAUSE_MS = 1000;
const SECONDS = { quick: 4, full: 12 };

interface Counts {
  readonly answers: number;
  readonly failed: number;
  readonly queries: number;
  readonly refused: number;
  readonly peak: number;
}

interface Phase {
  readonly state: string;
  /** Of each second. */
  readonly answers: readonly number[];
  readonly queries: number;
  readonly failed: number;
}

export async function storeKilled(bench: Bench): Promise<SuiteReport> {
  const size = bench.options.quick ? "quick" : "full";
  const [seconds, lists] = [SECONDS[size], LISTS[size]];
  const redis = await bench.startRedis();
  const program = { name: "", title: "", program: "small-database-app", handler: "none" } as const;
  const app = await bench.startSubject(program, { redisUrl: redis.url });
  const states: [name: string, begin: () => Promise<void>][] = [
    ["warm-up", async () => undefined],
    ["running", async () => undefined],
    ["killed (SIGKILL)", () => redis.kill()],
    ["restarted, empty", () => redis.restart()],
  ];
  const requestsOf = (route: string) =>
    Array.from(
      { length: lists },
      (_, id) => ({ method: "GET", target: `/${route}/${id}`, headers: {} }) as const,
    );
  const { port } = app;
  // The same load, answered by the database alone: as much as it can do, and this process can pass on.
  const { perSecond: alone } = await load({
    port,
    requests: requestsOf("alone"),
    connections: CONNECTIONS,
    seconds,
  });
  // What the load has left behind has its answer by then.
  await delay(PAUSE_MS);
  const requests = requestsOf("list");
  // One load over all states: nothing stands still while the next begins.
  const total = seconds * states.length;
  const loaded = load({ port, requests, connections: CONNECTIONS, seconds: total });
  const phases: Phase[] = [];
  for (const [state, begin] of states) {
    await begin();
    const before = await app.ask<Counts>("counts");
    const answers: number[] = [];
    let last = before;
    let lastAtMs = performance.now();
    for (let second = 0; second < seconds - 1; second++) {
      await delay(1000);
      const now = await app.ask<Counts>("counts");
      const nowMs = performance.now();
      answers.push(((now.answers - last.answers) * 1000) / (nowMs - lastAtMs));
      [last, lastAtMs] = [now, nowMs];
    }
    phases.push({
      state,
      answers,
      queries: last.queries - before.queries,
      failed: last.failed - before.failed,
    });
  }
  await loaded;
  const { refused, peak } = await app.ask<Counts>("counts");
  await app.stop();
  const least = ({ answers }: Phase) => Math.min(...answers);
  return {
    suite: "store-killed",
    tables: [
      {
        title: `Redis killed at full load: ${lists} lists, ${CONNECTIONS} connections, a database that does ${AT_ONCE} queries of ${QUERY_MS} ms at once (alone ${formatNumber(alone)} a second)`,
        head: ["Redis", "answers/s, median", "least of a second", "queries", "failed"],
        rows: phases.map((phase) => [
          phase.state,
          formatNumber(median(phase.answers)),
          formatNumber(least(phase)),
          String(phase.queries),
          String(phase.failed),
        ]),
      },
    ],
    verdicts: phases.slice(1).map((phase) => ({
      path: `database of ${AT_ONCE} queries at once, Redis ${phase.state}`,
      floor: `${formatNumber(alone)} answers a second at least, as the database alone; none failed`,
      figure: `${formatNumber(least(phase))}; ${phase.failed} failed; ${peak} queries at once at most`,
      reached: least(phase) >= alone * SPREAD && phase.failed === 0 && refused === 0,
    })),
    failures: [],
    rounds: [{ alone, refused, peak, phases }],
  };
}

/** A single second is held against the median of many. */
const SPREAD = 0.95;
