// Event-loop delay: how long others wait in a process that stores and compresses responses of 1 MiB.
import type { Bench } from "../bench.js";
import { openLoop } from "../load/open-loop.js";
import type { SuiteReport } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median } from "../statistics.js";
import type { Delays } from "../subjects/process-controls.js";
import { type Subject, subjectNamed } from "../subjects.js";
import { hotLists, listTarget } from "../workload.js";

const BODY_BYTES = 1024 * 1024;
const SECONDS = { quick: 2, full: 6 };
const PER_SECOND = 10;
/** Each list: missed and stored, then hit by a client that accepts gzip, which has it compressed, then hit again. */
const ASKED_TIMES = 3;
const MOST_MS = 5;
const SUBJECTS = ["no-cache", "list-strict", "lane-strict"];

interface Contender {
  readonly subject: Subject;
  readonly process: SubjectProcess;
  readonly rounds: Delays[];
}

export async function eventLoop(bench: Bench): Promise<SuiteReport> {
  const { quick, rounds } = bench.options;
  const chosen = bench.subjectsFor(SUBJECTS, SUBJECTS);
  const contenders: Contender[] = [];
  for (const subject of new Set([...chosen, subjectNamed("list-strict")])) {
    const process = await bench.startSubject(subject, { readyBodyBytes: BODY_BYTES });
    contenders.push({ subject, process, rounds: [] });
  }
  let distinct = 0;
  for (const { process } of contenders) distinct = await loadOf(process, distinct, 1);
  for (let round = 0; round < rounds; round++) {
    for (const { process, rounds } of contenders) {
      await process.ask("startDelays");
      distinct = await loadOf(process, distinct, quick ? SECONDS.quick : SECONDS.full);
      await process.ask("idle");
      rounds.push(await process.ask<Delays>("stopDelays"));
    }
  }
  for (const { process } of contenders) await process.stop();
  const p99s = ({ rounds }: Contender) => rounds.map(({ p99Ms }) => p99Ms);
  return {
    suite: "event-loop",
    tables: [
      {
        title: `Event-loop delay with responses of 1 MiB: ${PER_SECOND} requests a second, a third of them stored, a third compressed`,
        head: ["subject", "p50 ms", "p99 ms", "p99, spread", "max ms"],
        rows: contenders.map((contender) => [
          contender.subject.title,
          formatNumber(median(contender.rounds.map(({ p50Ms }) => p50Ms))),
          formatNumber(median(p99s(contender))),
          formatSpread(p99s(contender)),
          formatNumber(Math.max(...contender.rounds.map(({ maxMs }) => maxMs))),
        ]),
      },
    ],
    verdicts: contenders
      .filter(({ subject }) => subject.row)
      .map((contender) => ({
        path: `event-loop delay p99 with 1 MiB responses, ${contender.subject.title}`,
        floor: `under ${MOST_MS} ms`,
        figure: `${formatNumber(median(p99s(contender)))} ms`,
        reached: median(p99s(contender)) < MOST_MS,
      })),
    failures: [],
    rounds: contenders.map(({ subject, rounds }) => ({ subject: subject.name, rounds })),
  };
}

/** The next number to go on with. */
async function loadOf(process: SubjectProcess, from: number, seconds: number): Promise<number> {
  const lists = hotLists();
  const request = (index: number) => {
    const distinct = from + Math.floor(index / ASKED_TIMES);
    const list = lists[distinct % lists.length] as (typeof lists)[number];
    const headers = { Authorization: list.authorization, "Accept-Encoding": "gzip" };
    return { method: "GET", target: listTarget(list.owner, distinct), headers } as const;
  };
  const { failed } = await openLoop({ port: process.port, request, perSecond: PER_SECOND, seconds });
  if (failed > 0) throw new Error(`${failed} requests for 1 MiB failed`);
  return from + Math.ceil((seconds * PER_SECOND) / ASKED_TIMES);
}
