// What the store needs of a Redis client: the part of ioredis (any major, Redis or Cluster) that it calls.
// Tests: test/contract/redis-client-store.test.ts
import type { Socket } from "node:net";

/**
 * An ioredis `Redis` or `Cluster` of any major, as users pass it. Known by its shape: `instanceof` fails
 * across majors and duplicate installs, and so do the types of commands, which differ between majors.
 */
export type UserRedisClient = { readonly status: string } & Readonly<
  Record<(typeof NEEDED)[number], unknown>
>;

/** `createClient()`, `createCluster()` or `createSentinel()` of node-redis, 5 or later. Known by its shape, too. */
export interface UserNodeRedisClient {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  destroy(): unknown;
  withTypeMapping(...args: never[]): unknown;
  sendCommand(...args: never[]): unknown;
}

export type ScriptArgument = string | number | Buffer;

/** A value that is put down for a script. */
export interface Parked {
  readonly key: string;
  readonly value: Buffer;
  readonly ttlMs: number;
}

/** What tells of changes. */
export interface Emitter {
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
}

/** The commands that the store calls. */
export interface RedisClient extends Emitter {
  readonly status: string;
  readonly options?:
    | {
        readonly host?: string | undefined;
        readonly port?: number | undefined;
        readonly path?: string | null | undefined;
        readonly db?: number | string | undefined;
        readonly keyPrefix?: string | undefined;
        readonly sentinels?: unknown;
        readonly tls?: unknown;
        readonly socketTimeout?: number | undefined;
      }
    | undefined;
  /** What the connection has been told: above all the database, which a user may have changed since. */
  readonly condition?: { readonly select?: number | string | undefined } | null | undefined;
  readonly isCluster?: boolean | undefined;
  /** What to tell the user where it is closed. Absent: it is an ioredis client, which stays closed. */
  readonly whenEnded?: string | undefined;
  /** How it finds its server: `sentinel-connector.ts`, or ioredis's own. */
  readonly connector?: { readonly configEpoch?: number | undefined } | undefined;
  /** Of the connection that there is; a Cluster has those of its nodes. */
  readonly stream?: Socket | null | undefined;
  select(database: number | string): Promise<unknown>;
  mget(keys: readonly string[]): Promise<(string | null)[]>;
  mgetBuffer(keys: readonly string[]): Promise<(Buffer | null)[]>;
  getex(key: string): Promise<unknown>;
  wait(replicas: number, timeoutMs: number): Promise<unknown>;
  eval(lua: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown>;
  evalBuffer(lua: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown>;
  evalsha(sha1: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown>;
  evalshaBuffer(sha1: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown>;
  set(key: string, value: string | Buffer, ...args: (string | number)[]): Promise<unknown>;
  unlink(...keys: string[]): Promise<number>;
  zrange(key: string, first: number, last: number): Promise<string[]>;
  zscore(key: string, member: string): Promise<string | null>;
  scan(cursor: string, ...args: (string | number)[]): Promise<[cursor: string, keys: string[]]>;
  strlen(key: string): Promise<number>;
  info(section: string): Promise<string>;
  dbsize(): Promise<number>;
  /** Hears a channel over a connection of its own; returns what ends that. Absent: an ioredis client, which is duplicated. */
  hear?(channel: string, onText: (text: string) => void): () => void;
  connect?(): Promise<unknown>;
  /** Another connection to where this one leads. Absent where that is not for the cache to make. */
  duplicate?(options?: object): RedisClient;
  /** Such a connection for messages, of a client that is not duplicated as it is. */
  newMessages?(): MessageClient;
  subscribe?(...channels: string[]): Promise<unknown>;
  publish?(channel: string, message: string): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

/** A connection for messages alone. */
export type MessageClient = Pick<RedisClient, "status" | "on" | "connect" | "subscribe" | "disconnect">;

/** A Cluster client: a node for each slot, and the clients of the nodes. */
export interface RedisClusterClient extends RedisClient {
  /** For each slot the keys (`host:port`) of its nodes, the master first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: "master"): RedisClient[];
  /** Asks the nodes anew which slots they have. */
  refreshSlotsCache(done: (error?: Error) => void): void;
}

export function isClusterClient(client: RedisClient): client is RedisClusterClient {
  return client.isCluster === true;
}

const NEEDED = ["on", "off", "mgetBuffer", "unlink", "scan", "info"] as const;

/** Whether a value can serve as the store's client. */
export function isRedisClient(value: unknown): value is RedisClient {
  if (typeof value !== "object" || value === null || !("status" in value)) return false;
  return NEEDED.every((method) => typeof (value as Record<string, unknown>)[method] === "function");
}
