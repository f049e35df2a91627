// What the `redis` option names, refused where ioredis would take it for 127.0.0.1:6379, or where fences would come from replicas.
// Tests: test/unit/redis-option.test.ts
import type { ClusterNode, RedisOptions } from "ioredis";
import { TenantCacheError } from "../../errors.js";
import { isThenable, shown } from "../../shown.js";
import { besideCluster, unknownOption } from "./ioredis-options.js";
import { clientIn, strangerIn } from "./known-clients.js";
import type { PasswordFunction } from "./password.js";
import type { RedisClient } from "./redis-client.js";

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

const FORMS =
  "a URL, ioredis options, { cluster: [{ host, port }] } or a client of ioredis, iovalkey or node-redis";

/** @throws TenantCacheError `ETC_REDIS_CLIENT`, `ETC_REDIS_KEY_PREFIX`, `ETC_REDIS_REPLICA` */
export function checkRedisOption(redis: unknown): RedisTarget {
  const client = clientIn(redis);
  if (client !== undefined) {
    refuseMisleading(client.options);
    return { kind: "client", client };
  }
  if (typeof redis === "string") return { kind: "server", url: checkedUrl(redis), options: {} };
  if (isUrl(redis)) return { kind: "server", url: checkedUrl(redis.href), options: {} };
  if (!isPlainObject(redis))
    throw refusal(
      `is ${shown(redis)}: ${adviceOn(redis)}; or leave it out, and entries stay in this process`,
    );
  return "cluster" in redis ? clusterOf(redis) : optionsOf(redis);
}

function optionsOf(given: RedisOptions & { readonly password?: unknown }): RedisTarget {
  refuseMisleading(given);
  refuseUnknown(given);
  if (typeof given.password !== "function") return { kind: kindOf(given), options: given };
  const { password, ...options } = given;
  return { kind: kindOf(options), options, password: password as PasswordFunction };
}

function kindOf(options: RedisOptions): "server" | "found" {
  if (options.Connector) return "found";
  if (options.sentinels !== undefined) {
    requireNodes("sentinels", options.sentinels, "[{ host, port }], with one sentinel at least");
    for (const sentinel of options.sentinels) refuseNowhere(sentinel, "sentinels");
    if (typeof options.name !== "string" || options.name === "")
      throw refusal(
        `has sentinels, and name is ${shown(options.name)}: write the name of their master, as "mymaster"`,
      );
    return "found";
  }
  const { db } = options;
  if (db !== undefined && !isIn(db, 0, Number.MAX_SAFE_INTEGER))
    throw refusal(`has db, which is ${shown(db)}: write a whole number from 0`);
  if (!options.path) refuseNowhere(options);
  return "server";
}

function clusterOf(option: object): RedisTarget {
  const { cluster, redisOptions = {}, ...rest } = option as Record<string, unknown>;
  const stray = Object.keys(rest).find((name) => rest[name] !== undefined);
  if (stray !== undefined) throw refusal(`has ${stray} beside cluster: ${besideCluster(stray)}`);
  if (!isPlainObject(redisOptions))
    throw refusal(`has redisOptions, which is ${shown(redisOptions)}: write ioredis options`);
  refuseMisleading(redisOptions);
  refuseUnknown(redisOptions, "redisOptions");
  if ("password" in redisOptions && typeof redisOptions.password === "function")
    throw refusal(
      "has password in redisOptions, which is a function: of a Cluster write a text, or make the Cluster client yourself to change it",
    );
  requireNodes("cluster", cluster, "[{ host, port }], with one node at least");
  return { kind: "cluster", nodes: cluster.map(nodeOf), redisOptions };
}

function nodeOf(node: unknown): ClusterNode {
  if (typeof node === "number") return node;
  if (typeof node === "string") return checkedUrl(node);
  if (isUrl(node)) return checkedUrl(node.href);
  if (isPlainObject(node)) refuseUnknown(node, "cluster");
  refuseNowhere(node, "cluster");
  return node as ClusterNode;
}

function requireNodes(name: string, nodes: unknown, write: string): asserts nodes is readonly unknown[] {
  if (Array.isArray(nodes) && nodes.length > 0) return;
  throw refusal(`has ${name}, which is ${shown(nodes)}: write ${name}: ${write}`);
}

/** As ioredis reads it, but for what it would read as 127.0.0.1:6379 or as no server at all. */
function checkedUrl(text: string): string {
  if (text.trim() === "")
    throw refusal('is "", an empty string: leave it out, and entries stay in this process');
  if (text.startsWith("/") && !text.startsWith("//")) return text;
  // A URL may hold a password: only what stands in front of "://" is repeated.
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "redis" && scheme !== "rediss")
    throw refusal(`is a URL of ${scheme}: write one of redis:// or rediss://, which is for TLS`);
  let url: URL;
  try {
    url = new URL(scheme === undefined ? `redis://${text}` : text);
  } catch {
    throw refusal("is a URL that cannot be read: percent-encode user and password");
  }
  if (url.hostname === "" || /^\d+$/.test(text))
    throw refusal("is a URL without a host: write redis://host:6379");
  if (!/^\/?\d*$/.test(url.pathname))
    throw refusal(
      "is a URL with more than the number of a database behind its host: write redis://host:6379/1",
    );
  const options = Object.fromEntries(url.searchParams) as RedisOptions;
  refuseMisleading(options);
  refuseUnknown(options);
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

function refuseUnknown(options: object, within?: string): void {
  const unknown = unknownOption(options);
  if (unknown === undefined) return;
  const place = within === undefined ? "" : ` in ${within}`;
  throw refusal(`has ${unknown.name}${place}, which is no option of ioredis: ${unknown.advice}`);
}

/**
 * A port alone is enough, as it is for ioredis; but a host that is there and empty is a variable that is not
 * set.
 */
function refuseNowhere(place: unknown, within?: string): void {
  const where = within === undefined ? "" : ` in ${within}`;
  if (!isPlainObject(place)) throw refusal(`has ${shown(place)}${where}: write { host, port }`);
  const { host, port } = place as { host?: unknown; port?: unknown };
  if ("host" in place) {
    if (typeof host !== "string" || host === "")
      throw refusal(`has host${where}, which is ${shown(host)}: write a string, the name of the server`);
  } else if (port === undefined) throw refusal(`names no server${where}: write { host, port }`);
  if (port !== undefined && !isIn(port, 1, 65_535))
    throw refusal(`has port${where}, which is ${shown(port)}: write a whole number from 1 to 65535`);
}

function adviceOn(redis: unknown): string {
  if (isThenable(redis)) return "await it first";
  if (Array.isArray(redis)) return "write { cluster: [{ host, port }] }";
  if (typeof redis === "number") return `write { host: "127.0.0.1", port: ${redis} }`;
  if (typeof redis !== "object" || redis === null) return `write ${FORMS}`;
  return strangerIn(redis) ?? `a client or object of another library cannot be used: write ${FORMS}`;
}

/** ioredis takes digits, too, as environment variables have them. */
function isIn(value: unknown, min: number, max: number): boolean {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= min && number <= max;
}

/** Of another realm too, as in test runners that have a `URL` of their own. */
function isUrl(value: unknown): value is URL {
  return Object.prototype.toString.call(value) === "[object URL]";
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of another realm too, as in test runners that have contexts of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refusal(what: string): TenantCacheError {
  return new TenantCacheError("ETC_REDIS_CLIENT", `createTenantCache: redis ${what}`);
}
