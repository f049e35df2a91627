// From the `redis` option to a client: a URL, ioredis options, Cluster nodes, or a client that the user already has.
import { createRequire } from "node:module";
import type { Cluster, ClusterNode, Redis, RedisOptions } from "ioredis";
import { TenantCacheError } from "../../errors.js";
import { areTimersFaked } from "../../timers.js";
import { ReadConnection } from "./read-connection.js";
import { isRedisClient, type RedisClient } from "./redis-client.js";
import type { RedisOption } from "./redis-option.js";
import { refuseWrongRedis } from "./redis-refusals.js";
import { giveUpSilentPeers } from "./silent-peer.js";

export interface Connection {
  readonly client: RedisClient;
  /** Whether the cache made the client and therefore closes it. */
  readonly owned: boolean;
  /** Absent where the server to read from is for the client to know: Sentinel, Cluster, a client or connector of the user's. */
  readonly reads?: ReadConnection;
}

const MAX_RECONNECT_DELAY_MS = 2000;
const CONNECT_TIMEOUT_MS = 2000;

/** The defaults that keep a request from ever waiting for Redis: no queue while offline, no retry, no resending. */
const CONNECTION_DEFAULTS: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  connectionName: "express-tenant-cache",
  retryStrategy: reconnectDelayMs,
  // A master that hung through its own failover goes on answering until it is demoted, about ten seconds: leave it
  // with the news, so that no two processes use different masters. Only Sentinel has such news.
  failoverDetector: true,
  // After a failover the old master answers READONLY: reconnect, so that Sentinel or DNS is asked again.
  reconnectOnError: (error) => error.message.startsWith("READONLY"),
};

/**
 * Replies as their reader knows them, and nothing that ioredis might ask later. The store's own connection finds out whether the
 * server is ready, and says so.
 */
const READS_ALONE = { protocol: 2, enableReadyCheck: false, disableClientInfo: true } as const;

/** @throws TenantCacheError `ETC_REDIS_CLIENT`, `ETC_REDIS_KEY_PREFIX`, `ETC_REDIS_MISSING` */
export function connect(redis: RedisOption): Connection {
  if (isRedisClient(redis)) {
    refuseKeyPrefix(redis.options);
    return { client: redis, owned: false };
  }
  refuseWrongRedis(redis);
  if (typeof redis === "string") {
    return standalone((ioredis, options) => new ioredis.Redis(redis, withDefaults(options)));
  }
  if ("cluster" in redis) {
    const { cluster, redisOptions } = redis;
    refuseKeyPrefix(redisOptions);
    return { client: own((ioredis) => newCluster(ioredis.Cluster, cluster, redisOptions)), owned: true };
  }
  const options = redis as RedisOptions;
  refuseKeyPrefix(options);
  if (options.sentinels || options.Connector)
    return { client: own((ioredis) => new ioredis.Redis(withDefaults(options))), owned: true };
  return standalone((ioredis, more) => new ioredis.Redis(withDefaults({ ...options, ...more })));
}

function standalone(create: (ioredis: IoRedisModule, options: RedisOptions) => Redis): Connection {
  const client = own((ioredis) => create(ioredis, {}));
  const reads = new ReadConnection((connector) =>
    own((ioredis) => create(ioredis, { ...READS_ALONE, Connector: connector as never })),
  );
  return { client, owned: true, reads };
}

function refuseKeyPrefix(options: { readonly keyPrefix?: string | undefined } | undefined): void {
  if (!options?.keyPrefix) return;
  throw new TenantCacheError(
    "ETC_REDIS_KEY_PREFIX",
    "the ioredis options have a keyPrefix, which ioredis does not apply to SCAN: leave it out, and pass keyPrefix to createTenantCache instead",
  );
}

function newCluster(
  ClusterClass: typeof Cluster,
  nodes: readonly ClusterNode[],
  redisOptions: RedisOptions = {},
): Cluster {
  return new ClusterClass([...nodes], {
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectDelayMs,
    // ioredis's check asks any node, and without an offline queue one that is still connecting refuses: the Cluster is then left and tried
    // again, for seconds where chance has it. The store asks every master by itself.
    enableReadyCheck: false,
    // Names stay names: resolved here, they would be gone before TLS compares them with the certificate.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: withDefaults(redisOptions),
  });
}

/** The store reads replies in their RESP2 shapes, whatever protocol is spoken. */
function withDefaults(options: RedisOptions): RedisOptions & { replyMapping: "legacy" } {
  return { ...CONNECTION_DEFAULTS, ...options, replyMapping: "legacy" };
}

/** ioredis waits by a global timer: where tests of an app have replaced that, `connectAgainOnEnd` connects in its place. */
function reconnectDelayMs(attempt: number): number | null {
  if (areTimersFaked()) return null;
  const delayMs = Math.min(50 * 2 ** Math.min(attempt - 1, 10), MAX_RECONNECT_DELAY_MS);
  return delayMs / 2 + (Math.random() * delayMs) / 2;
}

interface IoRedisModule {
  readonly Redis: typeof Redis;
  readonly Cluster: typeof Cluster;
}

/** ioredis is an optional peer: it is loaded only when a connection is to be made. */
function own(create: (ioredis: IoRedisModule) => Redis | Cluster): RedisClient {
  let ioredis: IoRedisModule;
  try {
    ioredis = createRequire(import.meta.url)("ioredis") as IoRedisModule;
  } catch (cause) {
    throw new TenantCacheError("ETC_REDIS_MISSING", "the redis option needs ioredis: npm install ioredis", {
      cause,
    });
  }
  // ioredis types every command with many overloads; the store uses the few that RedisClient names.
  const client = create(ioredis) as unknown as RedisClient;
  giveUpSilentPeers(client);
  return client;
}
