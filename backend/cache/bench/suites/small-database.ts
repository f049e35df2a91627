// Redis is killed at full load, in front of a database that can do 50 queries at once: answers a second, and what the database is asked.
import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "../bench.js";
import { load } from "../load/load.js";
import { AT_ONCE, QUERY_MS } from "../outage-terms.js";
import type { SuiteReport } from "../report.js";
import { formatNumber, median } from "../statistics.js";

const LISTS = 2000;
const CONNECTIONS = 128;
const SECONDS = { quick: 4, full: 12 };
const ALONE_MS = 2000;

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

export async function smallDatabase(bench: Bench): Promise<SuiteReport> {
  const seconds = bench.options.quick ? SECONDS.quick : SECONDS.full;
  const redis = await bench.startRedis();
  const program = { name: "", title: "", program: "small-database-app", handler: "none" } as const;
  const app = await bench.startSubject(program, { redisUrl: redis.url });
  const alone = (await app.ask<number>("alone", ALONE_MS)) / (ALONE_MS / 1000);
  const states: [name: string, begin: () => Promise<void>][] = [
    ["warm-up", async () => undefined],
    ["running", async () => undefined],
    ["killed (SIGKILL)", () => redis.kill()],
    ["restarted, empty", () => redis.restart()],
  ];
  const requests = Array.from(
    { length: LISTS },
    (_, id) => ({ method: "GET", target: `/list/${id}`, headers: {} }) as const,
  );
  // One load over all states: nothing stands still while the next begins.
  const total = seconds * states.length;
  const loaded = load({ port: app.port, requests, connections: CONNECTIONS, seconds: total });
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
    suite: "small-database",
    tables: [
      {
        title: `Redis killed at full load: ${LISTS} lists, ${CONNECTIONS} connections, a database that does ${AT_ONCE} queries of ${QUERY_MS} ms at once (alone ${formatNumber(alone)} a second)`,
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
      // A query less in a second than the fastest is what timers cost.
      reached: least(phase) >= alone * TIMER_SHARE && phase.failed === 0 && refused === 0,
    })),
    failures: [],
    rounds: [{ alone, refused, peak, phases }],
  };
}

/** Of what is measured beside a load, over what is measured without one. */
const TIMER_SHARE = 0.97;
