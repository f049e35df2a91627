// Connections: 32, 256 and 1,000 of them at saturation, for entries that are all there: does an overload lose its hits?
import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "../bench.js";
import { load } from "../load/load.js";
import type { LoadResult } from "../load/request.js";
import type { SuiteReport } from "../report.js";
import { formatNumber, median } from "../statistics.js";
import type { Subject } from "../subjects.js";
import { verify } from "../verify.js";
import { expectedLists } from "./throughput.js";

const CONNECTIONS = [32, 256, 1000];
const [FEWEST = 0] = CONNECTIONS;
const SECONDS = { quick: 3, full: 4 };
const WARM_UP_SECONDS = { quick: 2, full: 5 };
/** What the requests of the last visit have left behind is done by then. */
const PAUSE_MS = 300;
const LEAST_SHARE = 0.95;
/** What loses as much with a ready buffer, and no cache, is lost between the generator, the kernel and Node. */
const PLAIN = "http";
const NAMES = [PLAIN, "list-redis", "list-redis-prepared", "lane-redis", "list-strict", "lane-strict"];
const QUICK_NAMES = [PLAIN, "lane-redis"];

interface Visit extends LoadResult {
  /** The subject's own CPU time, whatever the generator takes. */
  readonly cpuMicros: number;
  /** Requests that went to the database although their entries were there. */
  readonly handlerRuns: number;
}

interface Measured {
  readonly subject: Subject;
  readonly connections: number;
  readonly visits: readonly Visit[];
}

export async function connections(bench: Bench): Promise<SuiteReport> {
  const { quick, rounds } = bench.options;
  const lists = await expectedLists(bench);
  const measured: Measured[] = [];
  for (const subject of bench.subjectsFor(NAMES, QUICK_NAMES)) {
    const process = await bench.startSubject(subject);
    const requests = await verify(subject, process, lists, "200");
    const { port } = process;
    await load({ port, requests, connections: FEWEST, seconds: WARM_UP_SECONDS[quick ? "quick" : "full"] });
    const visits = new Map(CONNECTIONS.map((count) => [count, [] as Visit[]]));
    // In turn, round by round: a machine that others use is another one after some seconds.
    for (let round = 0; round < rounds; round++) {
      for (const [count, seen] of visits) {
        await delay(PAUSE_MS);
        const before = await process.ask<number>("handlerRuns");
        const cpuBefore = await process.ask<number>("cpuMs");
        const seconds = SECONDS[quick ? "quick" : "full"];
        const result = await load({ port, requests, connections: count, seconds });
        const cpuMs = (await process.ask<number>("cpuMs")) - cpuBefore;
        const handlerRuns = (await process.ask<number>("handlerRuns")) - before;
        seen.push({ ...result, handlerRuns, cpuMicros: (cpuMs * 1000) / result.requests });
      }
    }
    await process.stop();
    for (const [count, seen] of visits) measured.push({ subject, connections: count, visits: seen });
  }
  const perSecond = ({ visits }: Measured) => median(visits.map((visit) => visit.perSecond));
  const share = (one: Measured) => {
    const fewest = measured.find((each) => each.subject === one.subject && each.connections === FEWEST);
    return perSecond(one) / perSecond(fewest ?? one);
  };
  const runs = ({ visits }: Measured) => visits.reduce((sum, visit) => sum + visit.handlerRuns, 0);
  const requests = ({ visits }: Measured) => visits.reduce((sum, visit) => sum + visit.requests, 0);
  return {
    suite: "connections",
    tables: [
      {
        title: "Connections at saturation, every entry there",
        head: [
          "subject",
          "connections",
          "requests/s",
          `of ${FEWEST}`,
          "CPU µs/request",
          "p50 ms",
          "p99 ms",
          "to the database",
          "of",
        ],
        rows: measured.map((each) => [
          each.subject.title,
          String(each.connections),
          formatNumber(perSecond(each)),
          share(each).toFixed(2),
          formatNumber(median(each.visits.map(({ cpuMicros }) => cpuMicros))),
          formatNumber(median(each.visits.map(({ p50Ms }) => p50Ms))),
          formatNumber(median(each.visits.map(({ p99Ms }) => p99Ms))),
          String(runs(each)),
          String(requests(each)),
        ]),
      },
    ],
    verdicts: measured
      .filter(({ subject, connections }) => subject.name !== PLAIN && connections !== FEWEST)
      .map((each) => ({
        path: `${each.subject.title}, ${each.connections} connections`,
        floor: `no warm request to the database; at least ${LEAST_SHARE} of ${FEWEST} connections`,
        figure: `${runs(each)} to the database; ${share(each).toFixed(2)}`,
        reached: runs(each) === 0 && share(each) >= LEAST_SHARE,
      })),
    failures: [],
    rounds: measured.map(({ subject, connections, visits }) => ({
      subject: subject.name,
      connections,
      visits,
    })),
  };
}
