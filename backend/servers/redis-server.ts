// Redis servers for tests: private ones that faults may be done to, and one that suites share.
import { serverFlags } from "../test/support/compose.js";
import { findRedis } from "./find-redis.js";
import { LocalRedis } from "./local-redis.js";

/** A server that belongs to one test. */
export interface RedisServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Of the server's process; changes with `restart`. */
  readonly pid: number;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** SIGKILL: connections are reset, and what it has not written to disk is gone. */
  kill(): Promise<void>;
  /** Starts again on the same port: empty, or with what `--appendonly yes` has kept. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** Whose flags it has in the compose file. Default: those of `redis-cache`. */
  readonly service?: "redis" | "redis-cache";
  /** Flags after those, so that they win. */
  readonly args?: readonly string[];
  /** Whether it speaks TLS, and nothing else; its clients need `clientTls`. Default false. */
  readonly tls?: boolean;
  /** Path of the program. Default: what {@link findRedis} finds. */
  readonly program?: string;
}

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
