// Stampede: 200 requests at once for a list that nobody has asked for yet; how often does the handler run, in all processes?
import { Pool } from "undici";
import type { Bench } from "../bench.js";
import { HOST } from "../load/request.js";
import type { SuiteReport, Verdict } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { median } from "../statistics.js";
import { OWN_NAMES, type Subject } from "../subjects.js";
import { requestFor } from "../variants.js";
import { askForEach } from "../verify.js";
import { type HotList, hotLists, listTarget } from "../workload.js";

const REQUESTS = 200;
const PROCESSES = [1, 4];
const KEYS = { quick: 2, full: 20 };
const WARM_UP_TIMES = 3;
/** Of four processes each compiles for itself: all lists would take minutes. */
const WARM_UP_LISTS = 300;
const COMPARED = ["hand-written", "bentocache"];

interface Stampede {
  readonly subject: Subject;
  readonly processes: number;
  /** Of each cold key. */
  readonly handlerRuns: readonly number[];
}

export async function stampede(bench: Bench): Promise<SuiteReport> {
  const keys = bench.options.quick ? KEYS.quick : KEYS.full;
  const chosen = bench.subjectsFor([...OWN_NAMES, ...COMPARED], ["list-strict"]);
  const stampedes: Stampede[] = [];
  for (const subject of chosen) {
    for (const processes of PROCESSES) stampedes.push(await measure(bench, subject, processes, keys));
  }
  return {
    suite: "stampede",
    tables: [
      {
        title: `Stampede: ${REQUESTS} requests at once for a cold key, ${keys} keys in turn`,
        head: ["subject", "processes", "handler runs, median", "most"],
        rows: stampedes.map(({ subject, processes, handlerRuns }) => [
          subject.title,
          String(processes),
          String(median(handlerRuns)),
          String(Math.max(...handlerRuns)),
        ]),
      },
    ],
    verdicts: stampedes.filter(({ subject }) => subject.row).map(verdictOf),
    failures: [],
    rounds: stampedes.map(({ subject, ...rest }) => ({ subject: subject.name, ...rest })),
  };
}

function verdictOf({ subject, processes, handlerRuns }: Stampede): Verdict {
  const most = Math.max(...handlerRuns);
  return {
    path: `${subject.title}, stampede in ${processes} ${processes === 1 ? "process" : "processes"}`,
    floor: "1 handler run in all",
    figure: String(most),
    reached: most === 1,
  };
}

async function measure(bench: Bench, subject: Subject, count: number, keys: number): Promise<Stampede> {
  const lists = hotLists(undefined, bench.options.lists);
  const redisUrl = await bench.emptyRedisUrl();
  const processes = await Promise.all(
    Array.from({ length: count }, () => bench.startSubject(subject, { redisUrl }, bench.cores?.servers)),
  );
  const pools = processes.map(
    ({ port }) => new Pool(`http://127.0.0.1:${port}`, { connections: REQUESTS / count, pipelining: 1 }),
  );
  // As a process that has served for a while: one that compiles all the while waits for itself, not for Redis.
  const warmUp = lists.slice(0, WARM_UP_LISTS).map((list) => requestFor("200", list));
  for (let time = 0; time < WARM_UP_TIMES; time++)
    for (const { port } of processes) await askForEach(port, warmUp);
  const handlerRuns: number[] = [];
  // The first one opens the connections.
  for (let key = 0; key <= keys; key++) {
    const before = await runsOf(processes);
    await askAtOnce(pools, lists[key % lists.length] as HotList, key);
    if (key > 0) handlerRuns.push((await runsOf(processes)) - before);
  }
  for (const pool of pools) await pool.destroy();
  for (const process of processes) await process.stop();
  return { subject, processes: count, handlerRuns };
}

async function runsOf(processes: readonly SubjectProcess[]): Promise<number> {
  const runs = await Promise.all(processes.map((process) => process.ask<number>("handlerRuns")));
  return runs.reduce((sum, each) => sum + each, 0);
}

/** @throws Error where an answer differs from the others */
async function askAtOnce(pools: readonly Pool[], list: HotList, key: number): Promise<void> {
  const bodies = await Promise.all(
    Array.from({ length: REQUESTS }, async (_, index) => {
      const pool = pools[index % pools.length] as Pool;
      const headers = { Host: HOST, Authorization: list.authorization };
      const answer = await pool.request({ method: "GET", path: listTarget(list.owner, key), headers });
      return `${answer.statusCode} ${await answer.body.text()}`;
    }),
  );
  const different = new Set(bodies);
  if (different.size !== 1 || !bodies[0]?.startsWith("200 ")) {
    throw new Error(`${different.size} different answers to ${REQUESTS} requests for one list`);
  }
}
