// Memory: what an entry in the process costs beside the bytes that Redis stores of it.
import { Redis } from "ioredis";
import type { Bench } from "../bench.js";
import type { SuiteReport } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median } from "../statistics.js";
import type { Memory } from "../subjects/process-controls.js";
import { subjectNamed } from "../subjects.js";
import { askForEach } from "../verify.js";
import { hotLists, listTarget, TENANTS } from "../workload.js";

const ENTRIES = { quick: 2000, full: 20_000 };
const WARM_UP_ENTRIES = 1000;
const BODY_BYTES = 1000;
const MOST_BYTES = 600;
const ASKED_TIMES = 2;

interface Round {
  readonly entries: number;
  readonly storedBytes: number;
  readonly heldBytes: number;
  readonly overheadBytes: number;
}

export async function memory(bench: Bench): Promise<SuiteReport> {
  const entries = bench.options.quick ? ENTRIES.quick : ENTRIES.full;
  const redisUrl = await bench.emptyRedisUrl();
  const subject = subjectNamed("list-strict");
  const process = await bench.startSubject(subject, { redisUrl, readyBodyBytes: BODY_BYTES });
  let distinct = 0;
  // The first entries bring what there is once: code, connections, the table's first rooms.
  distinct = await hold(process, distinct, WARM_UP_ENTRIES);
  const rounds: Round[] = [];
  for (let round = 0; round < bench.options.rounds; round++) {
    const before = await bytesHeld(process);
    distinct = await hold(process, distinct, entries);
    const heldBytes = ((await bytesHeld(process)) - before) / entries;
    const storedBytes = await meanStoredBytes(redisUrl);
    rounds.push({ entries, storedBytes, heldBytes, overheadBytes: heldBytes - storedBytes });
  }
  await process.stop();
  const of = (what: keyof Round) => median(rounds.map((round) => round[what]));
  return {
    suite: "memory",
    tables: [
      {
        title: `Memory of an entry in the process: ${entries.toLocaleString("en")} more entries of ${TENANTS} tenants each round`,
        head: ["", "stored bytes", "heap and external bytes", "over stored", "spread"],
        rows: [
          [
            subject.title,
            formatNumber(of("storedBytes")),
            formatNumber(of("heldBytes")),
            formatNumber(of("overheadBytes")),
            formatSpread(rounds.map(({ overheadBytes }) => overheadBytes)),
          ],
        ],
      },
    ],
    verdicts: [
      {
        path: "memory of an L1 entry",
        floor: `at most ${MOST_BYTES} bytes over its stored bytes`,
        figure: formatNumber(of("overheadBytes")),
        reached: of("overheadBytes") <= MOST_BYTES,
      },
    ],
    failures: [],
    rounds,
  };
}

/** Asks for so many new lists, until each is an entry that has been hit; the next number to go on with. */
async function hold(process: SubjectProcess, from: number, count: number): Promise<number> {
  const lists = hotLists();
  const requests = Array.from({ length: count }, (_, index) => {
    const list = lists[index % lists.length] as (typeof lists)[number];
    const headers = { Authorization: list.authorization };
    return { method: "GET", target: listTarget(list.owner, from + index), headers } as const;
  });
  for (let time = 0; time < ASKED_TIMES; time++) {
    await askForEach(process.port, requests);
    await process.ask("idle");
  }
  return from + count;
}

async function bytesHeld(process: SubjectProcess): Promise<number> {
  const { heapBytes, externalBytes } = await process.ask<Memory>("memory");
  return heapBytes + externalBytes;
}

/** Mean length of the values that are entries. */
async function meanStoredBytes(redisUrl: string): Promise<number> {
  const client = new Redis(redisUrl);
  let [bytes, count] = [0, 0];
  for await (const keys of client.scanStream({ match: "tenant:*", count: 1000 }) as AsyncIterable<string[]>) {
    const lengths = await Promise.all(keys.map((key) => client.strlen(key)));
    for (const length of lengths) {
      bytes += length;
      count += length > 0 ? 1 : 0;
    }
  }
  client.disconnect();
  return bytes / count;
}
