// What the store needs of a Redis client: the part of ioredis (any major, Redis or Cluster) that it calls.
import type { Socket } from "node:net";
import type { KeyedCommands } from "./keyed-scripts.js";
import type { LedgerCommands } from "./ledger-scripts.js";

export interface ScriptedCommands extends KeyedCommands, LedgerCommands {
  etcBeginFillBuffer(keyCount: number, ...args: (string | number)[]): Promise<(Buffer | null)[]>;
  etcCommitFill(keyCount: number, ...args: (string | number | Buffer)[]): Promise<(number | string)[]>;
  etcAbandonFill(keyCount: number, ...args: (string | number)[]): Promise<unknown>;
  etcReplaceFences(keyCount: number, ...args: (string | number)[]): Promise<unknown>;
  etcBeginWrite(keyCount: number, ...args: (string | number)[]): Promise<unknown>;
  etcEndWrite(keyCount: number, ...args: (string | number)[]): Promise<unknown>;
  etcSweepIndex(keyCount: number, ...args: (string | number)[]): Promise<(number | string)[]>;
  etcSweepEntries(keyCount: number, ...args: string[]): Promise<number | string>;
  etcAuditIndex(keyCount: number, ...args: (string | number)[]): Promise<number | string>;
  etcKeepLease(keyCount: number, ...args: (string | number)[]): Promise<number | string>;
}

/**
 * An ioredis `Redis` or `Cluster` of any major, as users pass it. Known by its shape: `instanceof` fails across majors and duplicate
 * installs, and so do the types of commands, which differ between majors.
 */
export type UserRedisClient = { readonly status: string } & Readonly<
  Record<(typeof NEEDED)[number], unknown>
>;

/** The commands that the store calls. */
export interface RedisClient {
  readonly status: string;
  readonly options?:
    | {
        readonly keyPrefix?: string | undefined;
        readonly sentinels?: unknown;
        readonly socketTimeout?: number | undefined;
      }
    | undefined;
  /** Of the connection that there is; a Cluster has those of its nodes. */
  readonly stream?: Socket;
  readonly isCluster?: boolean | undefined;
  on(event: string, listener: (...args: never[]) => void): unknown;
  defineCommand(name: string, definition: { lua: string; numberOfKeys?: number }): void;
  ping(): Promise<unknown>;
  mget(keys: readonly string[]): Promise<(string | null)[]>;
  mgetBuffer(keys: readonly string[]): Promise<(Buffer | null)[]>;
  evalsha(sha1: string, keyCount: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  evalshaBuffer(sha1: string, keyCount: number, ...args: (string | number)[]): Promise<(Buffer | null)[]>;
  set(key: string, value: string, ...args: (string | number)[]): Promise<unknown>;
  unlink(...keys: string[]): Promise<number>;
  zrange(key: string, first: number, last: number): Promise<string[]>;
  scan(cursor: string, ...args: (string | number)[]): Promise<[cursor: string, keys: string[]]>;
  strlen(key: string): Promise<number>;
  info(section: string): Promise<string>;
  dbsize(): Promise<number>;
  connect?(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

/** A Cluster client: a node for each slot, and the clients of the nodes. */
export interface RedisClusterClient extends RedisClient {
  /** For each slot the keys (`host:port`) of its nodes, the master first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: "master"): RedisNodeClient[];
}

export interface RedisNodeClient extends RedisClient {
  connect(): Promise<void>;
  readonly options: {
    readonly host?: string;
    readonly port?: number;
    readonly readOnly?: boolean;
    readonly keyPrefix?: string | undefined;
  };
}

export function isClusterClient(client: RedisClient): client is RedisClusterClient {
  return client.isCluster === true;
}

const NEEDED = ["on", "defineCommand", "mgetBuffer", "unlink", "scan", "info"] as const;

/** Whether a value can serve as the store's client. */
export function isRedisClient(value: unknown): value is RedisClient {
  if (typeof value !== "object" || value === null || !("status" in value)) return false;
  return NEEDED.every((method) => typeof (value as Record<string, unknown>)[method] === "function");
}
