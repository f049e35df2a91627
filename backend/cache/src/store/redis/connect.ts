// From the `redis` option to a client that never keeps a request waiting.
// Tests: test/integration/redis-connection.test.ts
import type { Cluster, ClusterNode, Redis, RedisOptions } from "ioredis";
import { BackOff } from "../../back-off.js";
import { type IoRedisModule, loadIoRedis } from "../../peers.js";
import { areTimersFaked } from "../../timers.js";
import { checkRedisOption } from "./check-option.js";
import { DirectConnection } from "./direct-connection.js";
import { askForPassword, type PasswordFunction } from "./password.js";
import { isClusterClient, type MessageClient, type RedisClient } from "./redis-client.js";
import type { RedisOption } from "./redis-option.js";
import { askingAllSentinels } from "./sentinel-connector.js";
import { giveUpSilentPeers } from "./silent-peer.js";

export interface Connection {
  readonly client: RedisClient;
  /** Whether the cache made the client and therefore closes it. */
  readonly owned: boolean;
  /**
   * How long the client waits before it connects again. Absent where that is the user's. Reset once a server
   * has proved usable.
   */
  readonly backOff?: BackOff;
  /**
   * Absent where the server to ask is for the client to know: Sentinel, Cluster, a client or connector
   * of the user's.
   */
  readonly direct?: DirectConnection;
  /** Makes a connection for messages, which is not connected yet. Absent where none can be made. */
  readonly messages?: () => MessageClient;
}

const FIRST_RECONNECT_MS = 50;
const MAX_RECONNECT_MS = 2000;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * The defaults that keep a request from ever waiting for Redis: no queue while offline, no retry, no
 * resending.
 */
const CONNECTION_DEFAULTS: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  connectionName: "express-tenant-cache",
  // Two commands more that a user would have to be allowed.
  disableClientInfo: true,
  // The store finds out by itself whether the server can be used. ioredis's check needs INFO, which may be
  // refused.
  enableReadyCheck: false,
  // A master that hung through its own failover goes on answering until it is demoted, about ten seconds:
  // leave it with the news, so that no two processes use different masters. Only Sentinel has such news.
  failoverDetector: true,
  // After a failover the old master answers READONLY: reconnect, so that Sentinel or DNS is asked again.
  reconnectOnError: (error) => error.message.startsWith("READONLY"),
};

/**
 * Replies as their reader knows them, and nothing that ioredis might ask later. It connects once the store's
 * own connection has: where one fails, two would fail twice as often.
 */
const DIRECT: RedisOptions = { protocol: 2, lazyConnect: true };

/** Whoever wants messages subscribes anew, and holds no lease before that. */
const MESSAGES_ALONE: RedisOptions = { protocol: 2, lazyConnect: true, autoResubscribe: false };

/**
 * @throws TenantCacheError `ETC_REDIS_CLIENT`, `ETC_REDIS_KEY_PREFIX`, `ETC_REDIS_REPLICA`,
 *   `ETC_REDIS_MISSING`
 */
export function connect(redis: RedisOption): Connection {
  const target = checkRedisOption(redis);
  const backOff = newBackOff();
  switch (target.kind) {
    case "client": {
      const { client } = target;
      const messages = isClusterClient(client) ? undefined : messagesOf(client);
      return { client, owned: false, ...(messages && { messages }) };
    }
    case "cluster":
      return { client: newCluster(target.nodes, target.redisOptions, backOff), owned: true, backOff };
    case "found": {
      // Sentinels may name a server that is no master any more: ioredis's own check then asks the next one.
      const options = { enableReadyCheck: true, ...target.options };
      const messages = messagesFor({ ...target, options });
      return { client: newClient({ ...target, options }, backOff), owned: true, backOff, messages };
    }
    case "server": {
      const directBackOff = newBackOff();
      const direct = new DirectConnection((connector) => {
        const options = { ...target.options, ...DIRECT, Connector: connector as never };
        return newClient({ ...target, options }, directBackOff);
      }, directBackOff);
      const messages = messagesFor(target);
      return { client: newClient(target, backOff), owned: true, backOff, direct, messages };
    }
  }
}

function messagesFor(target: ClientTarget): () => RedisClient {
  return () => newClient({ ...target, options: { ...target.options, ...MESSAGES_ALONE } }, newBackOff());
}

/** As the user's client is, but for what would have it wait. */
function messagesOf(client: RedisClient): (() => MessageClient) | undefined {
  const { newMessages, duplicate } = client;
  if (newMessages) return () => newMessages.call(client);
  if (!duplicate) return undefined;
  const backOff = newBackOff();
  const options = {
    ...CONNECTION_DEFAULTS,
    ...MESSAGES_ALONE,
    retryStrategy: () => reconnectDelayMs(backOff),
  };
  return () => duplicate.call(client, options);
}

function newBackOff(): BackOff {
  return new BackOff(FIRST_RECONNECT_MS, MAX_RECONNECT_MS);
}

interface ClientTarget {
  readonly url?: string;
  readonly options: RedisOptions;
  readonly password?: PasswordFunction;
}

function newClient({ url, options, password }: ClientTarget, backOff: BackOff): RedisClient {
  const all = withDefaults(password ? { ...options, lazyConnect: true } : options, backOff);
  const client = own(({ Redis, SentinelConnector }) => {
    if (url !== undefined) return new Redis(url, all);
    if (!all.sentinels || all.Connector) return new Redis(all);
    return new Redis({ ...all, Connector: askingAllSentinels(SentinelConnector) as never });
  });
  if (password) askForPassword(client, password, backOff);
  return client;
}

function newCluster(
  nodes: readonly ClusterNode[],
  redisOptions: RedisOptions,
  backOff: BackOff,
): RedisClient {
  const options = {
    enableOfflineQueue: false,
    // ioredis's check asks any node, and without an offline queue one that is still connecting refuses: the
    // Cluster is then left and tried again, for seconds where chance has it. The store asks every master by
    // itself.
    enableReadyCheck: false,
    // Names stay names: resolved here, they would be gone before TLS compares them with the certificate.
    dnsLookup: (address: string, callback: (error: null, address: string) => void) => callback(null, address),
    clusterRetryStrategy: () => reconnectDelayMs(backOff),
    redisOptions: withDefaults(redisOptions, backOff),
  };
  return own(({ Cluster }) => new Cluster([...nodes], options));
}

/** The store reads replies in their RESP2 shapes, whatever protocol is spoken. */
function withDefaults(options: RedisOptions, backOff: BackOff): RedisOptions & { replyMapping: "legacy" } {
  // ioredis counts attempts anew with each connection that is made, also with one that the server ends at
  // once.
  const retryStrategy = () => reconnectDelayMs(backOff);
  return { ...CONNECTION_DEFAULTS, retryStrategy, ...options, replyMapping: "legacy" };
}

/**
 * ioredis waits by a global timer: where tests of an app have replaced that, `connectAgainOnEnd` connects in
 * its place.
 */
function reconnectDelayMs(backOff: BackOff): number | null {
  return areTimersFaked() ? null : backOff.nextSpread();
}

/** ioredis is an optional peer: it is loaded only when a connection is to be made. */
function own(create: (ioredis: IoRedisModule) => Redis | Cluster): RedisClient {
  // ioredis types every command with many overloads; the store uses the few that RedisClient names.
  const client = create(loadIoRedis()) as unknown as RedisClient;
  giveUpSilentPeers(client);
  return client;
}
