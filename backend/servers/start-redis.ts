// Redis servers for tests: private ones that faults may be done to, and one that suites share.
import { findRedis } from "./find-redis.js";
import { LocalRedis } from "./local-redis.js";
import type { RedisServer, RedisServerOptions } from "./redis-server.js";

/**
 * Starts a server of the test's own, with the flags that it has in docker-compose.yml.
 * @throws Error that says what to install where no server can be had
 */
export async function startRedisServer({
  service = "redis-cache",
  args = [],
  tls = false,
  program,
}: RedisServerOptions = {}): Promise<RedisServer> {
  // Loaded where a server is started: most suites share one, and a parser of YAML is seventy files.
  const { serverFlags } = await import("./compose.js");
  const flags = [...serverFlags(service), ...args];
  if (program !== undefined) return new LocalRedis(program, flags, tls).start();
  const source = await findRedis();
  if (source.kind === "binary") return new LocalRedis(source.path, flags, tls).start();
  if (tls) throw new Error("the TLS tests need a redis-server or valkey-server binary");
  // Loaded only where Docker is what there is: testcontainers takes most of a second.
  const { startRedisContainer } = await import("./redis-container.js");
  return startRedisContainer(flags);
}

let shared: Promise<RedisServer> | undefined;

/** URL of the shared Redis: `TEST_REDIS_URL`, else that of a server that is started once for this process. */
export async function sharedRedisUrl(): Promise<string> {
  if (process.env.TEST_REDIS_URL) return process.env.TEST_REDIS_URL;
  shared ??= startRedisServer();
  return (await shared).url;
}
