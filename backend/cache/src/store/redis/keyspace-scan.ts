// Walking the keyspace without being noticed: SCAN in pages, at the pace of the work that needs them.
// Tests: test/integration/redis-sweep.test.ts
import { escapeGlob } from "./glob.js";
import { isClusterClient, type RedisClient } from "./redis-client.js";
import { BRISK, PacedSteps } from "./server-pace.js";

export interface ScanOptions {
  readonly pageKeys: number;
  readonly steps: PacedSteps;
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

async function* scanGlob(
  client: RedisClient,
  pattern: string,
  // One page of 1,000 keeps the server busy for well under a millisecond; ten times the default COUNT's
  // speed.
  { pageKeys, steps }: ScanOptions = { pageKeys: 1000, steps: new PacedSteps(() => BRISK) },
): AsyncGenerator<string[]> {
  const nodes = isClusterClient(client) ? client.nodes("master") : [client];
  for (const node of nodes) {
    let cursor = "0";
    do {
      const [next, keys] = await steps.run(() => node.scan(cursor, "MATCH", pattern, "COUNT", pageKeys));
      cursor = next;
      if (keys.length > 0) yield keys;
    } while (cursor !== "0");
  }
}
