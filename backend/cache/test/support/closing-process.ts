// A process that closes its cache when it is told to, and says what keeps it alive then: `node closing-process.js URL CLIENT`.
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { createTenantCache, type TenantCacheOptions } from "../../src/index.js";
import { endClient } from "../../src/store/redis/end-client.js";
import type { RedisClient } from "../../src/store/redis/redis-client.js";
import { quiet } from "./caches.js";

/** What the process is told, and what it says. */
export type ClosingMessage = { readonly kind: "up" | "closed"; readonly alive: readonly string[] };

/** The address of the one server, or options of the cache as JSON, and whose client it is that connects. */
const [url = "", kind = ""] = process.argv.slice(2);

/** What of Node's resources waits for a server, or for a time. */
const WAITING = /^(?:Timeout|TCP|TLS|GetAddrInfo)/;

/** Of the test, and not of the cache: it says what a user's client is left as. */
let own: { destroy(): unknown } | undefined;

async function redisOption(): Promise<TenantCacheOptions["redis"]> {
  switch (kind) {
    case "url":
      return url;
    case "options":
      return JSON.parse(url) as TenantCacheOptions["redis"];
    case "ioredis": {
      const client = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
      client.on("error", () => undefined);
      own = { destroy: () => endClient(client as unknown as RedisClient) };
      return client;
    }
    default: {
      const client = createClient({ url, socket: { reconnectStrategy: () => 50 } });
      client.on("error", () => undefined);
      void client.connect().catch(() => undefined);
      own = client;
      return client;
    }
  }
}

const alive = () => process.getActiveResourcesInfo().filter((name) => WAITING.test(name));

function tell(message: ClosingMessage): void {
  process.send?.(message);
}

const cache = createTenantCache({
  redis: await redisOption(),
  tenant: () => "t",
  ...(kind !== "options" && { freshness: "leased" }),
  causes: { shared: true },
  logger: quiet,
});
void cache.ready(600_000).then((isReady) => isReady && tell({ kind: "up", alive: alive() }));

process.on("message", async () => {
  await cache.close();
  own?.destroy();
  // What is destroyed has gone after a few turns, which are longer on a busy machine; who waits for a server's answer
  // waits twice as long as these.
  for (let turns = 0; alive().length > 0 && turns < 400; turns++) await delay(2, undefined, { ref: false });
  tell({ kind: "closed", alive: alive() });
  process.disconnect();
});
