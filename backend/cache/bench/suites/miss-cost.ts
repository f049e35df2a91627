// Miss cost: CPU time of requests that all miss and are all stored, over that of no cache and of the obvious one, here and in Redis.
import { Redis } from "ioredis";
import type { Bench } from "../bench.js";
import { load } from "../load/load.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median } from "../statistics.js";
import { type Subject, subjectNamed } from "../subjects.js";
import { hotLists, listTarget } from "../workload.js";

const SECONDS = { quick: 1, full: 3 };
// A few hundred requests a second: until V8 has compiled what they run, both cost more.
const WARM_UP_SECONDS = { quick: 1, full: 10 };
const CONNECTIONS = 8;
// More than any of them answers in that time.
const REQUESTS_PER_SECOND = 6000;
const HAND_WRITTEN = "hand-written";
const UNCACHED = "no-cache";

interface Contender {
  readonly subject: Subject;
  readonly process: SubjectProcess;
  /** CPU time of each request, milliseconds, by round. */
  readonly cpuMs: number[];
  /** The same of the Redis server, with what it does to read and to answer. */
  readonly redisMs: number[];
}

type Visit = Pick<Contender, "cpuMs" | "redisMs">;

export async function missCost(bench: Bench): Promise<SuiteReport> {
  const { quick, rounds } = bench.options;
  const ours = bench.subjectsFor(
    [HAND_WRITTEN, "get-buffer", "list-redis", "list-strict", "lane-strict"],
    [HAND_WRITTEN, "list-redis", "list-strict"],
  );
  const contenders: Contender[] = [];
  for (const subject of [subjectNamed(UNCACHED), ...ours]) {
    contenders.push({ subject, process: await bench.startSubject(subject), cpuMs: [], redisMs: [] });
  }
  const redis = new Redis(await bench.emptyRedisUrl());
  bench.onEnd(async () => redis.disconnect());
  const next = distinctRequests(bench.options.lists);
  for (const { process } of contenders)
    await cpuOfRequests(process, redis, next, quick ? WARM_UP_SECONDS.quick : WARM_UP_SECONDS.full);
  for (let round = 0; round < rounds; round++) {
    for (const { process, cpuMs, redisMs } of contenders) {
      const seen = await cpuOfRequests(process, redis, next, quick ? SECONDS.quick : SECONDS.full);
      cpuMs.push(...seen.cpuMs);
      redisMs.push(...seen.redisMs);
    }
  }
  for (const { process } of contenders) await process.stop();
  const [uncached, ...cached] = contenders;
  const uncachedMs = median(uncached?.cpuMs ?? []);
  const percentOf = ({ cpuMs }: Contender) => (median(cpuMs) / uncachedMs - 1) * 100;
  const microsOver = ({ cpuMs }: Contender) => (median(cpuMs) - uncachedMs) * 1000;
  const redisMicros = ({ redisMs }: Contender) => median(redisMs) * 1000;
  const obvious = contenders.find(({ subject }) => subject.name === HAND_WRITTEN);
  return {
    suite: "miss-cost",
    tables: [
      {
        title: "Misses: CPU time of each request, where every one runs the handler and is stored",
        head: ["subject", "CPU µs/request", "spread", "over no cache", "µs", "Redis µs/request"],
        rows: contenders.map((contender) => [
          contender.subject.title,
          formatNumber(median(contender.cpuMs) * 1000),
          formatSpread(contender.cpuMs.map((cpuMs) => cpuMs * 1000)),
          contender === uncached ? "" : `${formatNumber(percentOf(contender))} %`,
          contender === uncached ? "" : formatNumber(microsOver(contender)),
          formatNumber(redisMicros(contender)),
        ]),
      },
    ],
    verdicts: cached
      .filter(({ subject }) => obvious && subject.row)
      .map((contender) => ({
        path: `miss, ${contender.subject.title}`,
        floor: `no more CPU over no cache than hand-written: ${formatNumber(microsOver(obvious as Contender))} µs, and ${formatNumber(redisMicros(obvious as Contender))} µs of Redis`,
        figure: `${formatNumber(microsOver(contender))} µs, and ${formatNumber(redisMicros(contender))} µs of Redis`,
        reached:
          microsOver(contender) <= microsOver(obvious as Contender) &&
          redisMicros(contender) <= redisMicros(obvious as Contender),
      })),
    failures: [],
    rounds: contenders.map(({ subject, cpuMs, redisMs }) => ({ subject: subject.name, cpuMs, redisMs })),
  };
}

/** Of lists that exist, by targets that were never asked for. */
function distinctRequests(ofLists: number): (count: number) => LoadRequest[] {
  const lists = hotLists(undefined, ofLists);
  let distinct = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      const list = lists[distinct++ % lists.length] as (typeof lists)[number];
      const headers = { Authorization: list.authorization };
      return { method: "GET", target: listTarget(list.owner, distinct), headers };
    });
}

/** CPU time of each request, here and in Redis. @throws Error where not every request has run the handler */
async function cpuOfRequests(
  process: SubjectProcess,
  redis: Redis,
  next: (count: number) => LoadRequest[],
  seconds: number,
): Promise<Visit> {
  const requests = next(seconds * REQUESTS_PER_SECOND);
  const runsBefore = await process.ask<number>("handlerRuns");
  const cpuBefore = await process.ask<number>("cpuMs");
  const redisBefore = await cpuOfServer(redis);
  const result = await load({ port: process.port, requests, connections: CONNECTIONS, seconds });
  // With all that was still to be stored.
  await process.ask("idle");
  const cpuMs = (await process.ask<number>("cpuMs")) - cpuBefore;
  const redisMs = (await cpuOfServer(redis)) - redisBefore;
  const runs = (await process.ask<number>("handlerRuns")) - runsBefore;
  if (runs < result.requests) throw new Error(`only ${runs} of ${result.requests} requests were misses`);
  return { cpuMs: [cpuMs / runs], redisMs: [redisMs / runs] };
}

/** Milliseconds, of its main thread. */
async function cpuOfServer(redis: Redis): Promise<number> {
  const text = await redis.info("cpu");
  const of = (mode: string) =>
    Number(new RegExp(`^used_cpu_${mode}_main_thread:([\\d.]+)`, "m").exec(text)?.[1] ?? 0);
  return (of("user") + of("sys")) * 1000;
}
