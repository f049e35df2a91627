// The persistent Redis (REDIS_URL): state that must neither be evicted nor lost, such as revoked tokens and counted requests.
import { once } from "node:events";
import type { Cluster, Redis } from "ioredis";
import type { RedisServers } from "../config/redis-servers.js";
import { openRedis, type RedisClient } from "./open-redis.js";

const LEAST_STATE_TIMEOUT_MS = 1000;

/** How long identifying a request waits for Redis, milliseconds; then it is refused. Who gives the cache more time gives it here, too. */
export const stateTimeoutMs = (cacheBudgetMs: number): number =>
  Math.max(LEAST_STATE_TIMEOUT_MS, cacheBudgetMs);

export interface StateRedisOptions {
  /** The longest that a command may take, milliseconds. */
  readonly commandTimeoutMs: number;
  /** As `CLIENT LIST` shows it. */
  readonly connectionName: string;
}

/** The persistent Redis, and what stands in front of every key in it. */
export interface StateStore {
  readonly redis: RedisClient;
  readonly keyPrefix: string;
}

const CONNECT_TIMEOUT_MS = 2000;

/**
 * Connects in the background, and again whenever the connection is lost. Without one, commands fail at once:
 * they never queue.
 */
export function connectStateRedis(servers: RedisServers, options: StateRedisOptions): RedisClient {
  const redis = openRedis(servers, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    commandTimeout: options.commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: options.connectionName,
  });
  // What a lost connection means to requests is logged where their commands fail, which say only that there
  // is none.
  noteProblems(redis);
  return redis;
}

const problems = new WeakMap<RedisClient, string>();

/** Why there is no connection, as far as it is known; `undefined` while there is one. */
export const connectionProblem = (redis: RedisClient): string | undefined => problems.get(redis);

function noteProblems(redis: RedisClient): void {
  // What a single sentinel or node has said; the error that follows says only that none of them helped.
  let ofSentinels: string | undefined;
  redis.on("sentinelError", ({ message }: Error) => {
    ofSentinels = message;
  });
  redis.on("error", (error: Error & { readonly lastNodeError?: Error | null }) => {
    problems.set(redis, ofSentinels ?? error.lastNodeError?.message ?? error.message);
    ofSentinels = undefined;
  });
  redis.on("ready", () => {
    problems.delete(redis);
    ofSentinels = undefined;
  });
}

/** Waits for the first connection, so that the first requests need not fail; at most two seconds. */
export async function untilConnected(redis: RedisClient): Promise<boolean> {
  if (redis.status === "ready") return true;
  try {
    await once(redis, "ready", { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return true;
  } catch {
    return false;
  }
}

/**
 * @throws Error where keys may be evicted: a revoked token would be good again. A server that does not say is
 *   believed.
 */
export async function requireNoEviction(redis: RedisClient): Promise<void> {
  const masters = redis.isCluster ? (redis as Cluster).nodes("master") : [redis as Redis];
  await Promise.all(masters.map(requireNoEvictionOf));
}

async function requireNoEvictionOf(redis: Redis): Promise<void> {
  const memory = await redis.info("memory").catch(() => "");
  const figure = (name: string) => new RegExp(`^${name}:(\\S+)`, "m").exec(memory)?.[1];
  const policy = figure("maxmemory_policy");
  if (policy === undefined || policy === "noeviction" || figure("maxmemory") === "0") return;
  throw new Error(
    `the Redis of REDIS_URL evicts keys (maxmemory-policy ${policy}), and with them which tokens are revoked: ` +
      "set REDIS_URL to a server with maxmemory-policy noeviction, apart from that of REDIS_CACHE_URL",
  );
}

/**
 * What every key of a tenant's state begins with. Unlike the cache's own keys it begins with "state:", so
 * that no purge of a cache that was put on the same server by mistake can reach it.
 *
 * @param tenantId absent for what belongs to no tenant: superadmins' tokens
 */
export function statePrefix(keyPrefix: string, tenantId: string | undefined): string {
  return `${keyPrefix}state:${tenantId === undefined ? "" : `tenant:${tenantId}:`}`;
}
