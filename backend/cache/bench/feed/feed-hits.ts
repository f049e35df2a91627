// Hits of covered routes beside the same hits without a feed, and how long it takes from COMMIT to fence.
import type { Bench } from "../bench.js";
import { FEED_TENANTS, feedTenant } from "../feed-terms.js";
import { load } from "../load/load.js";
import { openLoop } from "../load/open-loop.js";
import type { LoadRequest } from "../load/request.js";
import type { SubjectProcess } from "../start-subject.js";

const CONNECTIONS = 32;
const WARM_SECONDS = 3;
/** Keeps the feed awake, and hardly anything busy. */
const QUIET_PER_SECOND = 5;

export interface HitRound {
  readonly without: Hits;
  readonly with: Hits;
}

interface Hits {
  readonly perSecond: number;
  readonly cpuMicros: number;
  /** Of the requests. */
  readonly hitShare: number;
}

export interface Delay {
  readonly p50: number;
  readonly p99: number;
  /** Of the requests meanwhile. */
  readonly hitShare: number;
}

const requestOf = (index: number): LoadRequest => ({
  method: "GET",
  target: "/orders",
  headers: { "x-tenant": feedTenant(index) },
});
const REQUESTS = Array.from({ length: FEED_TENANTS }, (_, index) => requestOf(index));

export interface FeedServers {
  readonly databaseUrl: string;
  /** Default: an empty database of the one that the subjects share. */
  readonly redisUrl?: string;
}

export function startFeedApp(bench: Bench, servers: FeedServers, hasFeed: boolean): Promise<SubjectProcess> {
  const program = { name: "", title: "", program: "feed-app", handler: "none" } as const;
  return bench.startSubject(program, { ...servers, hasFeed });
}

export async function measureHits(
  bench: Bench,
  servers: FeedServers,
  rounds: number,
  seconds: number,
): Promise<HitRound[]> {
  const without = await startFeedApp(bench, servers, false);
  const covered = await startFeedApp(bench, servers, true);
  for (const app of [without, covered]) await hitsOf(app, WARM_SECONDS);
  const measured: HitRound[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0 ? without : covered;
    const one = await hitsOf(first, seconds);
    const other = await hitsOf(first === without ? covered : without, seconds);
    measured.push(first === without ? { without: one, with: other } : { without: other, with: one });
  }
  await without.stop();
  await covered.stop();
  return measured;
}

interface Counted {
  readonly cpuMs: number;
  readonly hits: number;
  readonly others: number;
}

/** What an app has done while something went on. */
async function countedIn<T>(
  app: SubjectProcess,
  work: () => Promise<T>,
): Promise<Counted & { readonly of: T }> {
  const state = async (): Promise<Counted> => ({
    cpuMs: await app.ask<number>("cpuMs"),
    ...(await app.ask<Pick<Counted, "hits" | "others">>("counts")),
  });
  const before = await state();
  const of = await work();
  const { cpuMs, hits, others } = await state();
  return { cpuMs: cpuMs - before.cpuMs, hits: hits - before.hits, others: others - before.others, of };
}

async function hitsOf(app: SubjectProcess, seconds: number): Promise<Hits> {
  const { cpuMs, hits, others, of } = await countedIn(app, () => keepBusy(app, seconds));
  const all = hits + others;
  return { perSecond: of.perSecond, cpuMicros: (cpuMs * 1000) / all, hitShare: hits / all };
}

/** Of a process that is started for it, so that its samples are of this time alone. @param meanwhile what keeps the machine busy */
export async function measureDelay(
  bench: Bench,
  servers: FeedServers,
  seconds: number,
  meanwhile: (app: SubjectProcess) => Promise<unknown> = async () => undefined,
): Promise<Delay> {
  const app = await startFeedApp(bench, servers, true);
  try {
    await keepAwake(app, WARM_SECONDS);
    const { hits, others } = await countedIn(app, () =>
      Promise.all([keepAwake(app, seconds), meanwhile(app)]),
    );
    const { delayMs } = await app.ask<{ readonly delayMs: Omit<Delay, "hitShare"> | null }>("feed");
    return { ...(delayMs ?? { p50: Number.NaN, p99: Number.NaN }), hitShare: hits / (hits + others) };
  } finally {
    await app.stop();
  }
}

export const keepBusy = (app: SubjectProcess, seconds: number) =>
  load({ port: app.port, requests: REQUESTS, connections: CONNECTIONS, seconds });

export const keepAwake = (app: SubjectProcess, seconds: number, until?: Promise<unknown>) =>
  openLoop({
    port: app.port,
    request: requestOf,
    perSecond: QUIET_PER_SECOND,
    seconds,
    ...(until && { until }),
  });
