// What the `redis` option is often given that ioredis would take without a word, and then connect to 127.0.0.1:6379.
import { TenantCacheError } from "../../errors.js";
import { isThenable, shown } from "../../shown.js";

const FORMS = "a URL, ioredis options, { cluster: [{ host, port }] } or an ioredis client";
const OTHER_PROTOCOL =
  /^(https?|wss?|ftp|tcp|tls|memcached?|postgres(?:ql)?|mysql|mongodb(?:\+srv)?|amqps?):\/\//i;

/** Names that ioredis does not know, and what to write instead. */
const NOT_OPTIONS: Readonly<Record<string, string>> = {
  url: "write the URL itself: redis: url",
  uri: "write the URL itself: redis: uri",
  href: "write the URL itself: redis: url.href",
  connectionString: "write the URL itself: redis: connectionString",
  socket: "write host and port beside each other, and tls for TLS",
  nodes: "write cluster: [{ host, port }]",
  rootNodes: "write cluster: [{ host, port }]",
  startupNodes: "write cluster: [{ host, port }]",
  client: "write the client itself: redis: client",
  hostname: "write host",
  user: "write username",
  pass: "write password",
  pwd: "write password",
  auth: "write password",
  database: "write db",
  ssl: "write tls: {}",
  prefix: "leave it out, and write keyPrefix beside redis",
};
/** Of each connection of a Cluster. */
const OF_CONNECTIONS = ["password", "username", "tls", "db", "host", "port", "connectTimeout", "family"];

/** @throws TenantCacheError `ETC_REDIS_CLIENT` for what is none of the forms, and no ioredis client */
export function refuseWrongRedis(redis: unknown): void {
  if (typeof redis === "string") {
    if (redis.trim() === "")
      throw refusal('is "", an empty string: leave it out, and entries stay in this process');
    const [, protocol] = OTHER_PROTOCOL.exec(redis) ?? [];
    if (protocol !== undefined) throw refusal(`is a URL of ${protocol}: write one of redis:// or rediss://`);
  } else if (typeof redis !== "object" || redis === null || !isPlain(redis)) {
    throw refusal(
      `is ${shown(redis)}: ${adviceOn(redis)}; or leave it out, and entries stay in this process`,
    );
  } else refuseWrongOptions(redis as Record<string, unknown>);
}

function refuseWrongOptions(options: Readonly<Record<string, unknown>>): void {
  for (const [name, advice] of Object.entries(NOT_OPTIONS))
    if (options[name] !== undefined) throw refusal(`has ${name}, which is no option of ioredis: ${advice}`);
  if ("cluster" in options) {
    requireNodes("cluster", options.cluster, "[{ host, port }], with one node at least");
    const stray = OF_CONNECTIONS.find((name) => options[name] !== undefined);
    if (stray !== undefined)
      throw refusal(`has ${stray} beside cluster: write { cluster, redisOptions: { ${stray} } }`);
    return;
  }
  if (options.sentinels !== undefined) {
    requireNodes("sentinels", options.sentinels, "[{ host, port }], with one sentinel at least");
    if (typeof options.name !== "string")
      throw refusal(`has sentinels, and name is ${shown(options.name)}: write the name of their master`);
  }
  const { host, port, db } = options;
  if (host !== undefined && typeof host !== "string")
    throw refusal(`has host, which is ${shown(host)}: write a string`);
  if (port !== undefined && !isIn(port, 1, 65_535))
    throw refusal(`has port, which is ${shown(port)}: write a whole number from 1 to 65535`);
  if (db !== undefined && !isIn(db, 0, Number.MAX_SAFE_INTEGER))
    throw refusal(`has db, which is ${shown(db)}: write a whole number from 0`);
}

function requireNodes(name: string, nodes: unknown, write: string): void {
  if (Array.isArray(nodes) && nodes.length > 0) return;
  throw refusal(`has ${name}, which is ${shown(nodes)}: write ${name}: ${write}`);
}

function adviceOn(redis: unknown): string {
  if (isThenable(redis)) return "await it first";
  if (Array.isArray(redis)) return "write { cluster: [{ host, port }] }";
  if (typeof redis === "number") return `write { host: "127.0.0.1", port: ${redis} }`;
  if (redis instanceof URL) return "write url.href";
  if (typeof redis === "object" && redis !== null && "sendCommand" in redis && "isOpen" in redis)
    return "a client of node-redis cannot be used: write its URL, or an ioredis client";
  return `write ${FORMS}`;
}

/** ioredis takes digits, too, as environment variables have them. */
function isIn(value: unknown, min: number, max: number): boolean {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= min && number <= max;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  // Of another realm, as in Jest: known by its name.
  return prototype === null || prototype.constructor?.name === "Object";
}

function refusal(what: string): TenantCacheError {
  return new TenantCacheError("ETC_REDIS_CLIENT", `createTenantCache: redis ${what}`);
}
