// Several processes on one Redis: what each further one adds. Where cores are few, they share them.
import type { Bench } from "../bench.js";
import { load } from "../load/load.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median } from "../statistics.js";
import { BASELINE, type Subject, subjectNamed } from "../subjects.js";
import { verify } from "../verify.js";
import { expectedLists } from "./throughput.js";

const COUNTS = { quick: [1, 2], full: [1, 2, 4] };
const CONNECTIONS = 32;
const SECONDS = { quick: 1, full: 3 };
const ROUNDS = { quick: 1, full: 3 };
const SUBJECTS = ["list-strict", "lane-strict"];

interface Group {
  readonly subject: Subject;
  readonly members: readonly { process: SubjectProcess; requests: readonly LoadRequest[] }[];
  /** All members together. */
  readonly perSecond: number[];
}

export async function processes(bench: Bench): Promise<SuiteReport> {
  const kind = bench.options.quick ? "quick" : "full";
  const chosen = bench.subjectsFor(SUBJECTS, ["list-strict"]);
  const groups: Group[] = [];
  for (const subject of [subjectNamed(BASELINE), ...chosen]) {
    for (const count of COUNTS[kind]) groups.push(await start(bench, subject, count));
  }
  for (let round = 0; round < ROUNDS[kind]; round++) {
    for (const { members, perSecond } of groups) {
      const results = await Promise.all(
        members.map(({ process, requests }) =>
          load({
            port: process.port,
            requests,
            connections: CONNECTIONS / members.length,
            seconds: SECONDS[kind],
          }),
        ),
      );
      perSecond.push(results.reduce((sum, result) => sum + result.perSecond, 0));
    }
  }
  for (const { members } of groups) for (const { process } of members) await process.stop();
  const baselineOf = (count: number) =>
    median(
      groups.find(({ subject, members }) => subject.name === BASELINE && members.length === count)
        ?.perSecond ?? [],
    );
  const cores = bench.cores?.servers.length ?? "all";
  return {
    suite: "processes",
    tables: [
      {
        title: `Several processes on ${cores} ${cores === 1 ? "core" : "cores"}, ${CONNECTIONS} connections in all`,
        head: ["subject", "processes", "requests/s in all", "spread", "ratio to as many of bare Express"],
        rows: groups.map(({ subject, members, perSecond }) => [
          subject.title,
          String(members.length),
          formatNumber(median(perSecond)),
          formatSpread(perSecond),
          formatNumber(median(perSecond) / baselineOf(members.length)),
        ]),
      },
    ],
    verdicts: [],
    failures: [],
    rounds: groups.map(({ subject, members, perSecond }) => ({
      subject: subject.name,
      processes: members.length,
      perSecond,
    })),
  };
}

async function start(bench: Bench, subject: Subject, count: number): Promise<Group> {
  const redisUrl = await bench.emptyRedisUrl();
  const lists = await expectedLists(bench);
  const members: Group["members"][number][] = [];
  for (let index = 0; index < count; index++) {
    const process = await bench.startSubject(subject, { redisUrl }, bench.cores?.servers);
    members.push({ process, requests: await verify(subject, process, lists, "200") });
  }
  return { subject, members, perSecond: [] };
}
