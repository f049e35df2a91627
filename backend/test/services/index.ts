// The servers that tests run against.
import { type RedisServer, startRedisServer } from "./redis-server.js";

export { createTestDatabase, type TestDatabase } from "./postgres.js";
export { type RedisServer, type RedisServerOptions, startRedisServer } from "./redis-server.js";
export { startTcpProxy, type TcpProxy } from "./tcp-proxy.js";

let shared: Promise<RedisServer> | undefined;

/**
 * A Redis that suites share, each with a key prefix of its own: `TEST_REDIS_URL`, else a server that is started for this process.
 */
export async function sharedRedisUrl(): Promise<string> {
  if (process.env.TEST_REDIS_URL) return process.env.TEST_REDIS_URL;
  shared ??= startRedisServer();
  return (await shared).url;
}
