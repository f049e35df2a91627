// The names of ioredis's options: what is none of them is refused, because ioredis would ignore it and connect to 127.0.0.1:6379.
// Tests: test/unit/redis-option.test.ts
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
  url: "write the URL itself: redis: url",
  uri: "write the URL itself: redis: uri",
  href: "write the URL itself: redis: url.href",
  connectionString: "write the URL itself: redis: connectionString",
  token: "a client of Upstash's REST API cannot be used: write the rediss:// URL of the database",
  socket: "write host and port beside each other, and tls for TLS",
  nodes: "write cluster: [{ host, port }]",
  rootNodes: "write cluster: [{ host, port }]",
  startupNodes: "write cluster: [{ host, port }]",
  addresses: "write { host, port }, or cluster: [{ host, port }]",
  client: "write the client itself: redis: client",
  hostname: "write host",
  user: "write username",
  pass: "write password",
  pwd: "write password",
  auth: "write password",
  database: "write db",
  ssl: "write tls: {}, or a rediss:// URL",
  prefix: "leave it out, and write keyPrefix beside redis",
  scaleReads: "fences are read from masters only: leave it out",
};

/**
 * The first option that ioredis does not have, and what to write instead; `undefined` where it has all of
 * them.
 */
export function unknownOption(
  options: object,
): { readonly name: string; readonly advice: string } | undefined {
  const name = Object.entries(options).find(
    ([key, value]) => value !== undefined && !Object.hasOwn(OPTIONS, key),
  )?.[0];
  if (name === undefined) return undefined;
  return { name, advice: INSTEAD[name] ?? "leave it out, or write an ioredis client that has it" };
}

/** What to write instead of an option beside the nodes of a Cluster. */
export function besideCluster(name: string): string {
  const isOfConnections = Object.hasOwn(OPTIONS, name) && name !== "natMap";
  if (isOfConnections) return `write { cluster, redisOptions: { ${name} } }`;
  return INSTEAD[name] ?? `write an ioredis client: new Cluster(nodes, { ${name} })`;
}
