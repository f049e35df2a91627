// The types of the `redis` option: those of the installed ioredis, and a stand-in where it is not installed.
import type { UserNodeRedisClient, UserRedisClient } from "./redis-client.js";

// The comments travel with the published types: without ioredis, an optional peer, they resolve to `any` instead of failing.
// biome-ignore-start lint/suspicious/noTsIgnore: an error only where ioredis is missing, so nothing to expect here
/** @ts-ignore ioredis may be missing */
type InstalledRedisOptions = import("ioredis").RedisOptions;
/** @ts-ignore ioredis may be missing */
type InstalledClusterNode = import("ioredis").ClusterNode;
// biome-ignore-end lint/suspicious/noTsIgnore: an error only where ioredis is missing, so nothing to expect here

/**
 * `any` alone takes part in every intersection. In a tuple, or the compiler would make the whole of it `any`
 * too.
 */
type OrWithoutIoRedis<Installed, StandIn> = [0] extends [1 & Installed] ? StandIn : Installed;

type RedisOptions = OrWithoutIoRedis<
  InstalledRedisOptions,
  { readonly host?: string; readonly port?: number; readonly password?: string }
>;
type ClusterNode = OrWithoutIoRedis<InstalledClusterNode, { readonly host?: string; readonly port?: number }>;

/** Nodes to learn a Redis Cluster from, and what each connection needs (password, TLS). */
export interface RedisClusterOptions {
  readonly cluster: readonly ClusterNode[];
  readonly redisOptions?: RedisOptions;
}

/** ioredis's options, whose password may change: a function is asked for it whenever a connection is made. */
export type RedisServerOptions = Omit<RedisOptions, "password"> & {
  readonly password?: string | (() => string | Promise<string>) | undefined;
};

/**
 * A URL (`redis://`, `rediss://`, or the path of a Unix socket), ioredis options that name a server (also
 * with `sentinels`), Cluster nodes, a client of ioredis or iovalkey of any major, or a client, Cluster or Sentinel
 * of node-redis (5 or later).
 */
export type RedisOption =
  | string
  | URL
  | RedisServerOptions
  | RedisClusterOptions
  | UserRedisClient
  | UserNodeRedisClient;
