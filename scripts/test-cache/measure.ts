// Measures a module's list without the cache, the first time, and from the cache.
import { type ApiClient, type ListAnswer, UNCACHED } from "./api-client.js";
import { type Check, check } from "./check.js";

/** Milliseconds from sending the request to having the whole body. */
export interface Timing {
  readonly medianMs: number;
  readonly p95Ms: number;
}

export interface Measurement {
  /** Answered by the handler, past the cache. */
  readonly uncached: Timing;
  /** Answered by the handler, and stored. */
  readonly first: Timing;
  readonly cached: Timing;
  /** Median of uncached by median of cached. */
  readonly speedUp: number;
}

/** @param paths of the same list, none asked for before; as many requests of each kind are sent, one at a time */
export async function measureList(
  client: ApiClient,
  paths: readonly [string, ...string[]],
): Promise<{ measurement: Measurement; checks: Check[] }> {
  const [path] = paths;
  // Not measured: connecting, and the database's first look at the table.
  await client.list(path, UNCACHED);
  const uncached = await inTurn(paths, () => client.list(path, UNCACHED));
  const first = await inTurn(paths, (cold) => client.list(cold));
  // A store of the last one may still be under way; of the first one it is not, unless it is the only one.
  await readUntilHit(client, path);
  const cached = await inTurn(paths, () => client.list(path));

  const timings = { uncached: timingOf(uncached), first: timingOf(first), cached: timingOf(cached) };
  return {
    measurement: { ...timings, speedUp: timings.uncached.medianMs / timings.cached.medianMs },
    checks: [
      check("requests that ask for no stored answer bypass", others(uncached, "fwd=bypass; detail=range")),
      check("first requests are misses and stored", others(first, "fwd=miss; stored")),
      check("repeated requests are hits", others(cached, "hit")),
      check(
        "hits have the handler's body",
        cached.some((answer) => answer.body !== uncached.at(-1)?.body) && "another body came from the cache",
      ),
    ],
  };
}

const MAX_READS_UNTIL_HIT = 20;

/** A response is on its way before it has been stored, so the next one may still be a miss. */
export async function readUntilHit(client: ApiClient, path: string): Promise<boolean> {
  for (let read = 0; read < MAX_READS_UNTIL_HIT; read++) {
    if ((await client.list(path)).cache === "hit") return true;
  }
  return false;
}

async function inTurn(
  paths: readonly string[],
  request: (path: string) => Promise<ListAnswer>,
): Promise<ListAnswer[]> {
  const answers: ListAnswer[] = [];
  for (const path of paths) answers.push(await request(path));
  return answers;
}

function others(answers: readonly ListAnswer[], expected: string): string | undefined {
  const unexpected = answers.filter((answer) => answer.cache !== expected);
  if (unexpected.length === 0) return undefined;
  return `${unexpected.length} of ${answers.length} were not "${expected}" but "${unexpected[0]?.cache}"`;
}

function timingOf(answers: readonly ListAnswer[]): Timing {
  const sorted = answers.map((answer) => answer.durationMs).sort((a, b) => a - b);
  return { medianMs: percentile(sorted, 50), p95Ms: percentile(sorted, 95) };
}

/** Nearest rank. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? Number.NaN;
}
