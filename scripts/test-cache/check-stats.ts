// Proves that the server's own counters moved at least by what was sent.
import { type ApiClient, ApiError, type ModuleCounters, type Tally } from "./api-client.js";
import { type Check, check, notChecked } from "./check.js";

const NAME = "cache-stats moved accordingly";
const COUNTED = ["hits", "misses", "bypasses", "sets", "invalidations"] as const satisfies (keyof Tally)[];

/** @returns `undefined` where the token's role may not see them */
export async function readCounters(client: ApiClient, module: string): Promise<ModuleCounters | undefined> {
  try {
    return await client.counters(module);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}

/**
 * Compares the counters with what the client has been told since.
 * @param before what {@link readCounters} returned before the client's first request
 */
export async function checkStats(
  client: ApiClient,
  module: string,
  before: ModuleCounters | undefined,
): Promise<Check> {
  const after = await readCounters(client, module);
  if (before === undefined || after === undefined) return notChecked(NAME, "the token needs the role admin");
  return check(NAME, ...COUNTED.map((what) => shortfall(what, before, after, client.tally)));
}

function shortfall(
  what: keyof Tally,
  before: ModuleCounters,
  after: ModuleCounters,
  sent: Tally,
): string | undefined {
  const moved = (after[what] ?? 0) - (before[what] ?? 0);
  return moved < sent[what] ? `${what} moved by ${moved}, not by ${sent[what]} or more` : undefined;
}
