// Walking the keyspace without being noticed: SCAN in pages, at the pace of the work that needs them.
// Tests: test/integration/redis-sweep.test.ts
import { escapeGlob } from "./glob.js";
import { isClusterClient, type RedisClient } from "./redis-client.js";
import { BRISK, PacedSteps } from "./server-pace.js";

export interface ScanOptions {
  readonly pageKeys: number;
  readonly steps: PacedSteps;
  /** Default: all. */
  readonly masters?: readonly RedisClient[];
  /** Whether pages without a key that was looked for are pages, too: for whoever counts what was looked at. */
  readonly withEmpty?: boolean;
}

/**
 * Pages of the keys that begin with `keyPrefix`, on every master; never KEYS, which would block the server.
 */
export function scanKeys(
  client: RedisClient,
  keyPrefix: string,
  options?: ScanOptions,
): AsyncGenerator<string[]> {
  return scanGlob(client, `${escapeGlob(keyPrefix)}*`, options);
}

/**
 * Like {@link scanKeys}, for keys that begin with `keyPrefix` and go on as a pattern says whose only wildcard
 * is `*`.
 */
export function scanMatching(
  client: RedisClient,
  keyPrefix: string,
  pattern: string,
): AsyncGenerator<string[]> {
  return scanGlob(client, escapeGlob(keyPrefix) + pattern.split("*").map(escapeGlob).join("*"));
}

/**
 * Where there are several masters they take turns, page by page: whoever stops early has seen as much of each, and no
 * master is walked through alone.
 */
async function* scanGlob(
  client: RedisClient,
  pattern: string,
  // One page of 1,000 keeps the server busy for well under a millisecond; ten times the default COUNT's
  // speed.
  { pageKeys, steps, masters = mastersOf(client), withEmpty = false }: ScanOptions = {
    pageKeys: 1000,
    steps: new PacedSteps(() => BRISK),
  },
): AsyncGenerator<string[]> {
  const walks = masters.map((node) => ({ node, cursor: "0" }));
  for (let at = 0; walks.length > 0; at++) {
    // At least one is left, and the place is below their number.
    const walk = walks[at % walks.length] as (typeof walks)[number];
    const [next, keys] = await steps.run(() =>
      walk.node.scan(walk.cursor, "MATCH", pattern, "COUNT", pageKeys),
    );
    walk.cursor = next;
    if (next === "0") walks.splice(walks.indexOf(walk), 1);
    if (keys.length > 0 || withEmpty) yield keys;
  }
}

/** Of a Cluster; elsewhere the one server. */
export function mastersOf(client: RedisClient): readonly RedisClient[] {
  return isClusterClient(client) ? client.nodes("master") : [client];
}
