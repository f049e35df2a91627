// Walking the keyspace without being noticed: SCAN in pages, with pauses as long as the server's work.
import { setTimeout as delay } from "node:timers/promises";
import { escapeGlob } from "./glob.js";
import { isClusterClient, type RedisClient } from "./redis-client.js";

// One page of 1,000 keeps the server busy for well under a millisecond; ten times the default COUNT's speed.
const PAGE_KEYS = 1000;
// The server rests this many times as long as it worked for us.
const REST_FACTOR = 2;

/** Pages of the keys that begin with `keyPrefix`, on every master; never KEYS, which would block the server. */
export async function* scanKeys(client: RedisClient, keyPrefix: string): AsyncGenerator<string[]> {
  const nodes = isClusterClient(client) ? client.nodes("master") : [client];
  const pattern = `${escapeGlob(keyPrefix)}*`;
  for (const node of nodes) {
    let cursor = "0";
    do {
      const startedAtMs = performance.now();
      const [next, keys] = await node.scan(cursor, "MATCH", pattern, "COUNT", PAGE_KEYS);
      cursor = next;
      if (keys.length > 0) yield keys;
      if (cursor !== "0")
        await delay(REST_FACTOR * (performance.now() - startedAtMs), undefined, { ref: false });
    } while (cursor !== "0");
  }
}
