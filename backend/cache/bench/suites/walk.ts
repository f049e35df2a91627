// Walk: what hits feel of a walk through all keys, in the process that walks, beside another one in the same seconds.
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { KeySpace } from "../../src/store/key-space.js";
import type { Bench } from "../bench.js";
import { fillerModule, fillUpTo } from "../filler.js";
import { openLoop } from "../load/open-loop.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, formatSpread, median, quantile } from "../statistics.js";
import { measureStolen } from "../stolen-time.js";
import { subjectNamed } from "../subjects.js";
import { verify } from "../verify.js";
import { expectedLists } from "./throughput.js";

/** So many that the walk outlasts the rounds: each page of 250 is followed by a rest of at least 50 ms. */
const KEYS = { quick: 50_000, full: 300_000 };
const ROUNDS = { quick: 2, full: 8 };
const SECONDS = { quick: 1, full: 4 };
const WARM_UP_SECONDS = 3;
const MAX_LISTS = 200;
/** Of each process. */
const PER_SECOND = 300;
const MOST_TIMES_QUIET = 1.3;
const WALK_BEGINS_WITHIN_MS = 10_000;
const LOOK_AFTER_MS = 100;

const WALK_LEASE = new KeySpace("", false).sweepLease("keyspace");

/** A process that is asked for hits, with a Redis of its own. */
interface Side {
  readonly process: SubjectProcess;
  readonly redisUrl: string;
  readonly requests: readonly LoadRequest[];
}

interface Round {
  readonly walkingMs: readonly number[];
  readonly quietMs: readonly number[];
  readonly stolenShare: number;
}

export async function walk(bench: Bench): Promise<SuiteReport> {
  const kind = bench.options.quick ? "quick" : "full";
  const subject = subjectNamed("list-strict");
  // What else the machine does, and the hypervisor takes, both meet alike.
  const walking = await start(bench);
  const quiet = await start(bench);
  await fillUpTo(walking.redisUrl, KEYS[kind]);
  const measure = async (seconds: number): Promise<Round> => {
    const stolen = measureStolen(bench.cores);
    const [walkingMs, quietMs] = await Promise.all([durations(walking, seconds), durations(quiet, seconds)]);
    return { walkingMs, quietMs, stolenShare: stolen() };
  };
  await measure(WARM_UP_SECONDS);
  const client = new Redis(walking.redisUrl);
  const isWalking = async () => (await client.exists(WALK_LEASE)) === 1;
  const before: Round[] = [];
  const during: Round[] = [];
  try {
    for (let round = 0; round < ROUNDS[kind] / 2; round++) before.push(await measure(SECONDS[kind]));
    await walking.process.ask("walk", fillerModule(0));
    const giveUpAtMs = performance.now() + WALK_BEGINS_WITHIN_MS;
    while (!(await isWalking())) {
      if (performance.now() > giveUpAtMs) throw new Error("the walk through all keys has not begun");
      await delay(LOOK_AFTER_MS);
    }
    while (during.length < ROUNDS[kind]) {
      const round = await measure(SECONDS[kind]);
      if (!(await isWalking())) break;
      during.push(round);
    }
  } finally {
    client.disconnect();
    // Nobody waits for the end of the walk.
    await Promise.all([walking.process.stop(), quiet.process.stop()]);
  }
  return report(subject.title, KEYS[kind], before, during, ROUNDS[kind]);
}

async function start(bench: Bench): Promise<Side> {
  const { url: redisUrl } = await bench.startRedis();
  const subject = subjectNamed("list-strict");
  const process = await bench.startSubject(subject, { redisUrl });
  const lists = await expectedLists(bench, Math.min(MAX_LISTS, bench.options.lists));
  return { process, redisUrl, requests: await verify(subject, process, lists, "200") };
}

async function durations({ process: { port }, requests }: Side, seconds: number): Promise<readonly number[]> {
  const request = (index: number) => requests[index % requests.length] as LoadRequest;
  const { durationsMs } = await openLoop({ port, request, perSecond: PER_SECOND, seconds });
  return durationsMs;
}

function report(
  title: string,
  keyCount: number,
  before: readonly Round[],
  during: readonly Round[],
  wanted: number,
): SuiteReport {
  const keys = keyCount.toLocaleString("en");
  const p99Of = (rounds: readonly Round[], side: "walkingMs" | "quietMs") =>
    quantile(
      rounds.flatMap((round) => round[side]),
      0.99,
    );
  const ratioOf = (rounds: readonly Round[]) => p99Of(rounds, "walkingMs") / p99Of(rounds, "quietMs");
  const row = (when: string, rounds: readonly Round[]) => [
    when,
    formatNumber(p99Of(rounds, "walkingMs")),
    formatNumber(p99Of(rounds, "quietMs")),
    formatNumber(ratioOf(rounds)),
    formatSpread(rounds.map((round) => ratioOf([round]))),
    formatNumber(100 * median(rounds.map(({ stolenShare }) => stolenShare))),
  ];
  return {
    suite: "walk",
    tables: [
      {
        title: `Hits beside a walk through ${keys} keys: ${PER_SECOND} a second to each of two processes on one core (${title})`,
        head: [
          "",
          "p99 of who walks, ms",
          "p99 of the other, ms",
          "ratio",
          "ratio, spread of rounds",
          "stolen, %",
        ],
        rows: [row("before it", before), ...(during.length > 0 ? [row("during it", during)] : [])],
      },
    ],
    verdicts:
      during.length === 0
        ? []
        : [
            {
              path: `p99 of hits during the walk through ${keys} keys`,
              floor: `at most ${MOST_TIMES_QUIET} of that of a process beside it, which does not walk`,
              figure: formatNumber(ratioOf(during)),
              reached: ratioOf(during) <= MOST_TIMES_QUIET,
            },
          ],
    failures: during.length < wanted ? [`walk: it ended in its round ${during.length + 1} of ${wanted}`] : [],
    rounds: [
      ...before.map((round) => summary("before", round)),
      ...during.map((round) => summary("during", round)),
    ],
  };
}

/** Each hit would be too much to keep. */
function summary(when: string, { walkingMs, quietMs, stolenShare }: Round) {
  return { when, walkingP99Ms: quantile(walkingMs, 0.99), quietP99Ms: quantile(quietMs, 0.99), stolenShare };
}
