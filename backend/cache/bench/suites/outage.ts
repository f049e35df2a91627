// Outage: 300 requests a second while Redis is hung, killed and restarted: how many fail, and what the rest cost.
import type { Bench } from "../bench.js";
import { openLoop } from "../load/open-loop.js";
import type { LoadRequest } from "../load/request.js";
import { BUDGET_MS, HANDLER_MS } from "../outage-terms.js";
import type { SuiteReport } from "../report.js";
import { formatNumber, quantile } from "../statistics.js";

const PER_SECOND = 300;
const SECONDS = { quick: 1, full: 10 };
const WRITES_EVERY = 50;
const TIMEOUT_MS = 2000;
// Whoever is answered late must not keep others from being sent.
const CONNECTIONS = 500;
/** The fault begins a second in, or half-way through a shorter time. */
const FAULT_AFTER_MS = { quick: 500, full: 1000 };

export async function outage(bench: Bench): Promise<SuiteReport> {
  const kind = bench.options.quick ? "quick" : "full";
  const redis = await bench.startRedis();
  const program = { name: "", title: "", program: "outage-app", handler: "none" } as const;
  const app = await bench.startSubject(program, { redisUrl: redis.url });
  const states: [name: string, begin: () => Promise<void>][] = [
    ["warm-up", async () => undefined],
    ["running", async () => undefined],
    ["hung (SIGSTOP)", () => redis.pause()],
    ["running again", () => redis.resume()],
    ["killed (SIGKILL)", () => redis.kill()],
    ["restarted", () => redis.restart()],
  ];
  const request = (index: number): LoadRequest => ({
    method: index % WRITES_EVERY === WRITES_EVERY - 1 ? "POST" : "GET",
    target: "/list",
    headers: {},
  });
  const phases: { state: string; sent: number; failed: number; durationsMs: readonly number[] }[] = [];
  for (const [state, begin] of states) {
    const begun = new Promise<void>((resolve, reject) => {
      setTimeout(() => begin().then(resolve, reject), FAULT_AFTER_MS[kind]);
    });
    const options = { port: app.port, request, perSecond: PER_SECOND, seconds: SECONDS[kind] };
    const [result] = await Promise.all([
      openLoop({ ...options, connections: CONNECTIONS, timeoutMs: TIMEOUT_MS }),
      begun,
    ]);
    phases.push({ state, sent: result.sent, failed: result.failed, durationsMs: result.durationsMs });
  }
  await app.stop();
  const late = (durationsMs: readonly number[]) =>
    durationsMs.filter((each) => each > HANDLER_MS + BUDGET_MS);
  return {
    suite: "outage",
    tables: [
      {
        title: `Redis away: ${PER_SECOND} requests a second, one in ${WRITES_EVERY} a write, a handler of ${HANDLER_MS} ms, a budget of ${BUDGET_MS} ms`,
        head: [
          "Redis",
          "requests",
          "failed",
          "p50 ms",
          "p99 ms",
          "max ms",
          `over ${HANDLER_MS} + ${BUDGET_MS} ms`,
        ],
        rows: phases
          .slice(1)
          .map(({ state, sent, failed, durationsMs }) => [
            state,
            String(sent),
            String(failed),
            ...[0.5, 0.99, 1].map((of) => formatNumber(quantile(durationsMs, of))),
            String(late(durationsMs).length),
          ]),
      },
    ],
    verdicts: [],
    failures: [],
    rounds: phases.map(({ durationsMs, ...phase }) => ({ ...phase, late: late(durationsMs).length })),
  };
}
