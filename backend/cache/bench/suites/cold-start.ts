// Cold start: what the first thousand requests of a new process cost beside no cache, and hits while four processes are replaced one by one.
import type { Bench } from "../bench.js";
import { askInTurn, type FirstRequests } from "../load/first-requests.js";
import type { LoadRequest } from "../load/request.js";
import { type RollingLoad, rollingLoad } from "../load/rolling.js";
import type { SuiteReport, Table, Verdict } from "../report.js";
import { formatNumber, formatSpread, median } from "../statistics.js";
import { type Subject, subjectNamed } from "../subjects.js";
import { verify } from "../verify.js";
import { expectedLists } from "./throughput.js";

const UNCACHED = "no-cache";
const NAMES = ["list-redis", "list-strict", "list-leased", "lane-strict", "lane-leased"];
const QUICK_NAMES = ["list-strict", "list-leased"];
const REQUESTS = 1000;
const PROCESSES = 4;
const PER_SECOND = { quick: 200, full: 500 };
/** Before each replacement, and after the last one. */
const SECONDS = { quick: 1, full: 5 };
const ROLLED = "list-leased";
const LEAST_HITS = 0.99;

interface Cold {
  readonly subject: Subject;
  readonly visits: readonly (FirstRequests & { readonly cpuMs: number; readonly handlerRuns: number })[];
}

export async function coldStart(bench: Bench): Promise<SuiteReport> {
  const subjects = [subjectNamed(UNCACHED), ...bench.subjectsFor(NAMES, QUICK_NAMES)];
  const cold: Cold[] = [];
  for (const subject of subjects) cold.push(await measureCold(bench, subject));
  const rolled = await roll(bench);
  return {
    suite: "cold-start",
    tables: [coldTable(cold), rolledTable(rolled)],
    verdicts: verdictsOn(rolled),
    failures: [],
    rounds: {
      cold: cold.map(({ subject, visits }) => ({ subject: subject.name, visits })),
      rolled,
    },
  };
}

/** Its entries are in Redis: an earlier process has stored them. */
async function measureCold(bench: Bench, subject: Subject): Promise<Cold> {
  const redisUrl = await bench.emptyRedisUrl();
  const lists = await expectedLists(bench);
  const earlier = await bench.startSubject(subject, { redisUrl });
  const requests = await verify(subject, earlier, lists, "200");
  await earlier.stop();
  const visits: Cold["visits"][number][] = [];
  for (let round = 0; round < bench.options.rounds; round++) {
    const process = await bench.startSubject(subject, { redisUrl });
    const before = await process.ask<number>("cpuMs");
    const seen = await askInTurn(process.port, repeated(requests, REQUESTS));
    visits.push({
      ...seen,
      cpuMs: (await process.ask<number>("cpuMs")) - before,
      handlerRuns: await process.ask<number>("handlerRuns"),
    });
    await process.stop();
  }
  return { subject, visits };
}

/** A load balancer in small: a new process takes requests once it listens, an old one none before it ends. */
async function roll(bench: Bench): Promise<RollingLoad> {
  const size = bench.options.quick ? "quick" : "full";
  const subject = subjectNamed(ROLLED);
  const redisUrl = await bench.emptyRedisUrl();
  const lists = await expectedLists(bench);
  const cores = bench.cores?.servers;
  const first = await bench.startSubject(subject, { redisUrl }, cores);
  const requests = await verify(subject, first, lists, "200");
  const processes = [first];
  while (processes.length < PROCESSES) processes.push(await bench.startSubject(subject, { redisUrl }, cores));
  return rollingLoad({
    processes,
    next: () => bench.startSubject(subject, { redisUrl }, cores),
    requests,
    perSecond: PER_SECOND[size],
    secondsBetween: SECONDS[size],
  });
}

function repeated(requests: readonly LoadRequest[], count: number): LoadRequest[] {
  return Array.from({ length: count }, (_, index) => requests[index % requests.length] as LoadRequest);
}

function coldTable(cold: readonly Cold[]): Table {
  const figure = (visits: Cold["visits"], name: keyof Cold["visits"][number]) =>
    formatNumber(median(visits.map((visit) => visit[name])));
  return {
    title: `The first ${REQUESTS.toLocaleString("en")} requests of a new process, one after the other; what they ask for is in Redis`,
    head: ["subject", "first, ms", "p50 ms", "p99 ms", "all, ms", "spread", "CPU ms", "handler runs"],
    rows: cold.map(({ subject, visits }) => [
      subject.title,
      figure(visits, "firstMs"),
      figure(visits, "p50Ms"),
      figure(visits, "p99Ms"),
      figure(visits, "allMs"),
      formatSpread(visits.map(({ allMs }) => allMs)),
      figure(visits, "cpuMs"),
      figure(visits, "handlerRuns"),
    ]),
  };
}

function rolledTable({ phases }: RollingLoad): Table {
  return {
    title: `${PROCESSES} processes that are replaced one by one under load (\`cacheList\`, L1, leased)`,
    head: ["phase", "answers", "failed", "hits, %", "p50 ms", "p99 ms", "handler runs"],
    rows: phases.map((phase) => [
      phase.name,
      formatNumber(phase.answers),
      String(phase.failed),
      formatNumber((100 * phase.hits) / phase.answers),
      formatNumber(phase.p50Ms),
      formatNumber(phase.p99Ms),
      String(phase.answers - phase.hits),
    ]),
  };
}

function verdictsOn({ phases }: RollingLoad): readonly Verdict[] {
  const least = Math.min(...phases.map(({ hits, answers }) => hits / answers));
  const failed = phases.reduce((sum, phase) => sum + phase.failed, 0);
  return [
    {
      path: "least share of hits while processes are replaced",
      floor: `at least ${LEAST_HITS}`,
      figure: formatNumber(least),
      reached: least >= LEAST_HITS,
    },
    {
      path: "requests that fail while processes are replaced",
      floor: "none",
      figure: String(failed),
      reached: failed === 0,
    },
  ];
}
