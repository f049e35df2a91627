// Miss cost: CPU time of requests that all miss and are all stored, over that of no cache at all.
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
const MOST_PERCENT = 8;
const UNCACHED = "no-cache";

interface Contender {
  readonly subject: Subject;
  readonly process: SubjectProcess;
  /** CPU time of each request, milliseconds, by round. */
  readonly cpuMs: number[];
}

export async function missCost(bench: Bench): Promise<SuiteReport> {
  const { quick, rounds } = bench.options;
  const ours = bench.subjectsFor(["list-strict", "list-redis", "lane-strict"], ["list-strict"]);
  const contenders: Contender[] = [];
  for (const subject of [subjectNamed(UNCACHED), ...ours]) {
    contenders.push({ subject, process: await bench.startSubject(subject), cpuMs: [] });
  }
  const next = distinctRequests(bench.options.lists);
  for (const { process } of contenders)
    await cpuOfRequests(process, next, quick ? WARM_UP_SECONDS.quick : WARM_UP_SECONDS.full);
  for (let round = 0; round < rounds; round++) {
    for (const { process, cpuMs } of contenders) {
      cpuMs.push(await cpuOfRequests(process, next, quick ? SECONDS.quick : SECONDS.full));
    }
  }
  for (const { process } of contenders) await process.stop();
  const [uncached, ...cached] = contenders;
  const percentOf = ({ cpuMs }: Contender) => (median(cpuMs) / median(uncached?.cpuMs ?? []) - 1) * 100;
  return {
    suite: "miss-cost",
    tables: [
      {
        title: "Misses: CPU time of each request, where every one runs the handler and is stored",
        head: ["subject", "CPU µs/request", "spread", "over no cache"],
        rows: contenders.map((contender) => [
          contender.subject.title,
          formatNumber(median(contender.cpuMs) * 1000),
          formatSpread(contender.cpuMs.map((cpuMs) => cpuMs * 1000)),
          contender === uncached ? "" : `${formatNumber(percentOf(contender))} %`,
        ]),
      },
    ],
    verdicts: cached.map((contender) => ({
      path: `miss, ${contender.subject.title}`,
      floor: `at most ${MOST_PERCENT} % CPU over no cache`,
      figure: `${formatNumber(percentOf(contender))} %`,
      reached: percentOf(contender) <= MOST_PERCENT,
    })),
    failures: [],
    rounds: contenders.map(({ subject, cpuMs }) => ({ subject: subject.name, cpuMs })),
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

/** Milliseconds. @throws Error where not every request has run the handler */
async function cpuOfRequests(
  process: SubjectProcess,
  next: (count: number) => LoadRequest[],
  seconds: number,
): Promise<number> {
  const requests = next(seconds * REQUESTS_PER_SECOND);
  const runsBefore = await process.ask<number>("handlerRuns");
  const cpuBefore = await process.ask<number>("cpuMs");
  const result = await load({ port: process.port, requests, connections: CONNECTIONS, seconds });
  // With all that was still to be stored.
  await process.ask("idle");
  const cpuMs = (await process.ask<number>("cpuMs")) - cpuBefore;
  const runs = (await process.ask<number>("handlerRuns")) - runsBefore;
  if (runs < result.requests) throw new Error(`only ${runs} of ${result.requests} requests were misses`);
  return cpuMs / runs;
}
