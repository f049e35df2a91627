// The names of ioredis's options: what is none of them is refused, because ioredis would ignore it and connect to 127.0.0.1:6379.
import type { RedisOptions } from "ioredis";

/** Of ioredis 5 and 6. A new major's are added here: the compiler names those that are missing. */
const OPTIONS = {
  Connector: true,
  autoPipeliningIgnoredCommands: true,
  autoResendUnfulfilledCommands: true,
  autoResubscribe: true,
  blockingTimeout: true,
  blockingTimeoutGrace: true,
  clientInfoTag: true,
  commandQueue: true,
  commandTimeout: true,
  connectTimeout: true,
  connectionName: true,
  db: true,
  disableClientInfo: true,
  disconnectTimeout: true,
  enableAutoPipelining: true,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  enableTLSForSentinelMode: true,
  failoverDetector: true,
  family: true,
  himportFieldsets: true,
  host: true,
  keepAlive: true,
  keyPrefix: true,
  lazyConnect: true,
  maxLoadingRetryTime: true,
  maxRetriesPerRequest: true,
  monitor: true,
  name: true,
  natMap: true,
  noDelay: true,
  offlineQueue: true,
  password: true,
  path: true,
  port: true,
  preferredSlaves: true,
  protocol: true,
  readOnly: true,
  reconnectOnError: true,
  replyMapping: true,
  retryStrategy: true,
  role: true,
  scripts: true,
  sentinelCommandTimeout: true,
  sentinelMaxConnections: true,
  sentinelPassword: true,
  sentinelReconnectStrategy: true,
  sentinelRetryStrategy: true,
  sentinelTLS: true,
  sentinelUsername: true,
  sentinels: true,
  showFriendlyErrorStack: true,
  socketTimeout: true,
  stringNumbers: true,
  tls: true,
  updateSentinels: true,
  username: true,
} satisfies Record<keyof RedisOptions, true>;

/** What to write instead of an option of another library, or of another place. */
const INSTEAD: Readonly<Record<string, string>> = {
  url: "pass the URL itself: redis: process.env.REDIS_URL",
  uri: "pass the URL itself: redis: process.env.REDIS_URL",
  connectionString: "pass the URL itself: redis: process.env.REDIS_URL",
  token: "a client of Upstash's REST API cannot be used: pass the rediss:// URL of the database",
  socket: "write host, port and tls beside each other: redis: { host, port, tls: {} }",
  database: 'write "db"',
  hostname: 'write "host"',
  rootNodes: "write redis: { cluster: [{ host, port }, …] }",
  nodes: "write redis: { cluster: [{ host, port }, …] }",
  startupNodes: "write redis: { cluster: [{ host, port }, …] }",
  addresses: "write redis: { host, port }, or redis: { cluster: [{ host, port }, …] }",
  scaleReads: "fences are read from masters only: leave it out",
};

/** The first option that ioredis does not have, with what to write instead; `undefined` where it has all of them. */
export function unknownOption(options: object): string | undefined {
  const name = Object.entries(options).find(
    ([key, value]) => value !== undefined && !Object.hasOwn(OPTIONS, key),
  )?.[0];
  return name === undefined ? undefined : `"${name}" (${insteadOf(name)})`;
}

/** What to write instead of an option that is not known. */
export function insteadOf(name: string): string {
  return INSTEAD[name] ?? "make the ioredis client yourself and pass it";
}
