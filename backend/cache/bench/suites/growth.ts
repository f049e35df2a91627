// Growth: whether the ratio to bare Express stays with more tenants, keys, bytes and connections.
import type { Bench } from "../bench.js";
import { fillUpTo } from "../filler.js";
import { load } from "../load/load.js";
import type { LoadRequest } from "../load/request.js";
import type { SuiteReport, Table } from "../report.js";
import type { SubjectProcess } from "../start-subject.js";
import { formatNumber, median } from "../statistics.js";
import { readyJson } from "../subjects/ready-json.js";
import { BASELINE, type Subject, subjectNamed } from "../subjects.js";
import { verify } from "../verify.js";
import { hotLists } from "../workload.js";

/** Where the workload stands while one of its sizes grows. */
const USUAL = { tenants: 100, keys: 10_000, bodyBytes: 20_000, connections: 32 };
type Size = keyof typeof USUAL;

const STEPS: Readonly<Record<Size, { quick: readonly number[]; full: readonly number[] }>> = {
  tenants: { quick: [], full: [10, 100, 1000] },
  keys: { quick: [], full: [10_000, 100_000, 1_000_000] },
  bodyBytes: { quick: [1_000_000], full: [1000, 20_000, 200_000, 1_000_000] },
  connections: { quick: [256], full: [1, 32, 256] },
};
const NAMES: Readonly<Record<Size, string>> = {
  tenants: "tenants",
  keys: "keys in the server",
  bodyBytes: "bytes of a body",
  connections: "connections",
};
const SUBJECTS = ["list-strict", "list-redis", "lane-strict", "lane-redis"];
const SECONDS = 1;
const ROUNDS = { quick: 1, full: 3 };
const MAX_LISTS = { quick: 200, full: 2000 };
const MAX_BYTES = 40_000_000;

interface Step {
  readonly size: Size;
  readonly at: number;
  readonly perSecond: Readonly<Record<string, readonly number[]>>;
}

export async function growth(bench: Bench): Promise<SuiteReport> {
  const kind = bench.options.quick ? "quick" : "full";
  const chosen = bench.subjectsFor(SUBJECTS, ["list-strict"]);
  const steps: Step[] = [];
  for (const size of Object.keys(STEPS) as Size[]) {
    for (const at of STEPS[size][kind]) {
      steps.push({
        size,
        at,
        perSecond: await measure(bench, chosen, { ...USUAL, [size]: at }),
      });
    }
  }
  return {
    suite: "growth",
    tables: (Object.keys(STEPS) as Size[])
      .filter((size) => steps.some((step) => step.size === size))
      .map((size) => tableOf(size, steps, chosen)),
    verdicts: [],
    failures: [],
    rounds: steps,
  };
}

function tableOf(size: Size, steps: readonly Step[], subjects: readonly Subject[]): Table {
  return {
    title: `Growth: ${NAMES[size]}`,
    head: [NAMES[size], "bare Express, requests/s", ...subjects.map(({ title }) => `${title}, ratio`)],
    rows: steps
      .filter((step) => step.size === size)
      .map(({ at, perSecond }) => {
        const baseline = median(perSecond[BASELINE] ?? []);
        const ratios = subjects.map(({ name }) => formatNumber(median(perSecond[name] ?? []) / baseline));
        return [at.toLocaleString("en"), formatNumber(baseline), ...ratios];
      }),
  };
}

async function measure(
  bench: Bench,
  subjects: readonly Subject[],
  { tenants, keys, bodyBytes, connections }: typeof USUAL,
): Promise<Step["perSecond"]> {
  const redis = await bench.startRedis();
  const kind = bench.options.quick ? "quick" : "full";
  // All tenants, and no more than fits into the process.
  const most = Math.max(tenants, MAX_LISTS[kind]);
  const lists = hotLists(tenants, Math.max(1, Math.min(most, Math.floor(MAX_BYTES / bodyBytes))));
  const expected = lists.map((list) => ({ ...list, body: readyJson(bodyBytes) }));
  const entered: {
    name: string;
    process: SubjectProcess;
    requests: readonly LoadRequest[];
    perSecond: number[];
  }[] = [];
  for (const [index, subject] of [subjectNamed(BASELINE), ...subjects].entries()) {
    const config = { redisUrl: `${redis.url}/${index}`, tenants, readyBodyBytes: bodyBytes };
    const process = await bench.startSubject(subject, config);
    entered.push({
      name: subject.name,
      process,
      requests: await verify(subject, process, expected, "200"),
      perSecond: [],
    });
    if (subject.row) await fillUpTo(config.redisUrl, keys);
  }
  // The first round compiles.
  for (let round = 0; round <= ROUNDS[kind]; round++) {
    for (const { process, requests, perSecond } of entered) {
      const result = await load({ port: process.port, requests, connections, seconds: SECONDS });
      if (round > 0) perSecond.push(result.perSecond);
    }
  }
  for (const { process } of entered) await process.stop();
  await redis.stop();
  return Object.fromEntries(entered.map(({ name, perSecond }) => [name, perSecond]));
}
