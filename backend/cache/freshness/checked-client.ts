// A client of node-redis for a backend of a run, as a user would make it: `--client node-redis`.
import type { RedisOptions } from "ioredis";
import { createClient } from "redis";
import type { UserNodeRedisClient } from "../src/store/redis/redis-client.js";

/** Connects for as long as it takes, and again whenever the connection is lost. */
export function nodeRedisOf({ host = "127.0.0.1", port = 6379 }: RedisOptions): UserNodeRedisClient {
  const reconnectStrategy = (retries: number) => Math.min(2000, 50 * 2 ** Math.min(retries, 6));
  const client = createClient({ socket: { host, port, reconnectStrategy } });
  client.on("error", () => undefined);
  client.connect().catch(() => undefined);
  return client as unknown as UserNodeRedisClient;
}
