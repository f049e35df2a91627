// A client for the servers of a connection, whatever they are: one server, Sentinel or a Cluster.
// Tests: test/faults/redis-topologies.test.ts
import { Cluster, Redis } from "ioredis";
import type { RedisServers } from "../config/redis-servers.js";
import { LastingSentinelConnector } from "./lasting-sentinel-connector.js";

/** What both clients offer; a command's keys must be in one slot. */
export type RedisClient = Redis | Cluster;

export interface OpenRedisOptions {
  /** As `CLIENT LIST` shows it. */
  readonly connectionName: string;
  /** Whether commands wait for a connection. Without, they fail at once where there is none. */
  readonly enableOfflineQueue: boolean;
  /** How often a command is sent again after a lost connection; `null` for as often as it takes. */
  readonly maxRetriesPerRequest: number | null;
  /** The longest that a command may take, milliseconds. Default: as long as it takes. */
  readonly commandTimeout?: number;
  /** Milliseconds. Default 10,000. */
  readonly connectTimeout?: number;
  /**
   * Commands of one turn of the event loop are sent together. Not on a Cluster, where each node would get
   * some of them.
   */
  readonly enableAutoPipelining?: boolean;
}

/** Connects in the background, and again whenever the connection is lost. */
export function openRedis(servers: RedisServers, options: OpenRedisOptions): RedisClient {
  if (servers.kind !== "cluster") {
    // After a failover the old master answers READONLY: reconnect, so that Sentinel or DNS is asked again.
    const reconnectOnError = ({ message }: Error) => message.startsWith("READONLY");
    const connector = servers.kind === "sentinel" && { Connector: LastingSentinelConnector };
    return new Redis({ ...servers.options, ...connector, reconnectOnError, ...options });
  }
  const { enableOfflineQueue, enableAutoPipelining: _ofOneServer, ...ofNodes } = options;
  return new Cluster([...servers.nodes], {
    enableOfflineQueue,
    redisOptions: { ...servers.options, ...ofNodes },
    // Names stay names: resolved here, they would be gone before TLS compares them with the certificate.
    dnsLookup: (address, callback) => callback(null, address),
    // A command that finds its node away is sent again 16 times, 100 ms apart, unless it is to fail at once.
    // Moved slots are followed anyway.
    ...(!enableOfflineQueue && { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 }),
  });
}
