// What the `redis` option names, refused where ioredis would take it for 127.0.0.1:6379, or where fences would come from replicas.
import type { ClusterNode, RedisOptions } from "ioredis";
import { TenantCacheError } from "../../errors.js";
import { insteadOf, unknownOption } from "./ioredis-options.js";
import type { PasswordFunction } from "./password.js";
import { isRedisClient, type RedisClient } from "./redis-client.js";

/** What is to be connected to, and how. */
export type RedisTarget =
  /** A client that the user has. */
  | { readonly kind: "client"; readonly client: RedisClient }
  /** One server. */
  | {
      readonly kind: "server";
      readonly url?: string;
      readonly options: RedisOptions;
      readonly password?: PasswordFunction;
    }
  /** Whichever server Sentinel, or a connector of the user's, leads to. */
  | { readonly kind: "found"; readonly options: RedisOptions; readonly password?: PasswordFunction }
  | { readonly kind: "cluster"; readonly nodes: readonly ClusterNode[]; readonly redisOptions: RedisOptions };

const WHAT_TO_PASS =
  "redis must be a redis:// or rediss:// URL, ioredis options that name a server, { cluster: [...] } or an ioredis client; " +
  "leave it out for the in-process store";

/** @throws TenantCacheError `ETC_REDIS_CLIENT`, `ETC_REDIS_KEY_PREFIX`, `ETC_REDIS_REPLICA` */
export function checkRedisOption(redis: unknown): RedisTarget {
  if (isRedisClient(redis)) {
    refuseMisleading(redis.options);
    return { kind: "client", client: redis };
  }
  if (typeof redis === "string") return { kind: "server", url: checkedUrl(redis), options: {} };
  if (redis instanceof URL) return { kind: "server", url: checkedUrl(redis.href), options: {} };
  if (Array.isArray(redis)) throw refusal("a list of nodes is written redis: { cluster: [...] }");
  if (!isPlainObject(redis)) throw refusal(notAClient(redis));
  return "cluster" in redis ? clusterOf(redis) : optionsOf(redis);
}

function optionsOf(given: RedisOptions & { readonly password?: unknown }): RedisTarget {
  refuseMisleading(given);
  refuseUnknown(given, "redis");
  if (typeof given.password !== "function") return whereTo(given);
  const { password, ...options } = given;
  return { ...whereTo(options), password: password as PasswordFunction };
}

function whereTo(options: RedisOptions) {
  return { kind: kindOf(options), options };
}

function kindOf(options: RedisOptions): "server" | "found" {
  if (options.Connector) return "found";
  if (options.sentinels) {
    if (!Array.isArray(options.sentinels) || options.sentinels.length === 0)
      throw refusal("redis.sentinels is empty");
    for (const sentinel of options.sentinels) refuseNowhere(sentinel, "each of redis.sentinels");
    if (!options.name)
      throw refusal('redis.name is missing: what the sentinels call the master, as "mymaster"');
    return "found";
  }
  if (!options.path) refuseNowhere(options, "redis");
  return "server";
}

function clusterOf(option: object): RedisTarget {
  const { cluster, redisOptions = {}, ...rest } = option as Record<string, unknown>;
  const [unknown] = Object.keys(rest).filter((name) => rest[name] !== undefined);
  if (unknown !== undefined)
    throw refusal(`beside cluster and redisOptions there is no "${unknown}" (${insteadOf(unknown)})`);
  if (!isPlainObject(redisOptions)) throw refusal("redis.redisOptions must be ioredis options");
  refuseMisleading(redisOptions);
  refuseUnknown(redisOptions, "redis.redisOptions");
  if ("password" in redisOptions && typeof redisOptions.password === "function")
    throw refusal("of a Cluster the password is a text: make the Cluster client yourself to change it");
  if (!Array.isArray(cluster) || cluster.length === 0)
    throw refusal("redis.cluster must name at least one node");
  return { kind: "cluster", nodes: cluster.map(nodeOf), redisOptions };
}

function nodeOf(node: unknown): ClusterNode {
  if (typeof node === "number") return node;
  if (typeof node === "string") return checkedUrl(node);
  if (node instanceof URL) return checkedUrl(node.href);
  if (!isPlainObject(node)) throw refusal("each of redis.cluster must be a URL or { host, port }");
  refuseUnknown(node, "redis.cluster");
  refuseNowhere(node, "each of redis.cluster");
  return node;
}

/** As ioredis reads it, but for what it would read as 127.0.0.1:6379 or as no server at all. */
function checkedUrl(text: string): string {
  if (text.startsWith("/") && !text.startsWith("//")) return text;
  // A URL may hold a password: only what stands in front of "://" is repeated.
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "redis" && scheme !== "rediss")
    throw refusal(`a URL of the scheme ${scheme}:// is not known: write redis://, or rediss:// for TLS`);
  let url: URL;
  try {
    url = new URL(scheme === undefined ? `redis://${text}` : text);
  } catch {
    throw refusal("the URL cannot be read: percent-encode user and password");
  }
  if (url.hostname === "" || /^\d+$/.test(text)) throw refusal("the URL names no host: redis://host:6379");
  if (!/^\/?\d*$/.test(url.pathname))
    throw refusal("what follows the host in the URL must be the number of a database: redis://host:6379/1");
  const options = Object.fromEntries(url.searchParams) as RedisOptions;
  refuseMisleading(options);
  refuseUnknown(options, "the URL");
  return text;
}

interface MisleadingOptions {
  readonly keyPrefix?: unknown;
  readonly scaleReads?: unknown;
  readonly readOnly?: unknown;
  readonly role?: unknown;
}

/** What would have the cache look for its keys, or for its fences, in the wrong place. */
function refuseMisleading(options: MisleadingOptions | undefined): void {
  if (options?.keyPrefix) {
    throw new TenantCacheError(
      "ETC_REDIS_KEY_PREFIX",
      "the ioredis options have a keyPrefix, which ioredis does not apply to SCAN: leave it out, and pass keyPrefix to createTenantCache instead",
    );
  }
  const { scaleReads = "master", readOnly = false, role = "master" } = options ?? {};
  const toReplicas =
    (scaleReads !== "master" && "scaleReads") || (readOnly && "readOnly") || (role !== "master" && "role");
  if (!toReplicas) return;
  throw new TenantCacheError(
    "ETC_REDIS_REPLICA",
    `the ioredis option ${toReplicas} has replicas answer, which learn of a mutation too late: leave it out, or give the cache a client of its own`,
  );
}

function refuseUnknown(options: object, where: string): void {
  const unknown = unknownOption(options);
  if (unknown !== undefined) throw refusal(`${where} has an option that ioredis does not know: ${unknown}`);
}

/** A port alone is enough, as it is for ioredis; but a host that is there and empty is a variable that is not set. */
function refuseNowhere(place: unknown, what: string): void {
  const { host, port } = (isPlainObject(place) ? place : {}) as { host?: unknown; port?: unknown };
  const hasHost = isPlainObject(place) && "host" in place;
  if (hasHost ? typeof host !== "string" || host === "" : port === undefined)
    throw refusal(`${what} must name a host${hasHost ? ", and the one that is given is empty" : ""}`);
  if (port !== undefined && !(Number.isInteger(Number(port)) && Number(port) > 0 && Number(port) < 65_536))
    throw refusal(`${what} must have a port from 1 to 65535`);
}

function notAClient(value: unknown): string {
  if (value instanceof Promise) return "the client must be awaited before it is passed";
  if (typeof value !== "object" || value === null) return `it is ${value === null ? "null" : typeof value}`;
  return "it is a client or object of another library: clients of node-redis, GLIDE and Upstash cannot be used";
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of another realm too, as in test runners that have contexts of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refusal(why: string): TenantCacheError {
  return new TenantCacheError("ETC_REDIS_CLIENT", `${WHAT_TO_PASS} (${why})`);
}
