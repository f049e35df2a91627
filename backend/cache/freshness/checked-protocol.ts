// What the checker and its backend processes tell each other.
import type { RedisOptions } from "ioredis";
import type { Protection } from "./protections.js";
import type { TimelineEvent } from "./timeline.js";

/** How a backend is set up: its only argument, as JSON. */
export interface BackendConfig {
  /** Differs for each life: `b2.1` is the first life of the third process. */
  readonly name: string;
  readonly seed: number;
  readonly truthPort: number;
  readonly redis: RedisOptions;
  /** Whose client is passed; absent, the options are, of ioredis. */
  readonly client?: "node-redis";
  readonly without?: Protection;
  readonly budgetMs?: number;
  /** Writes are guarded, and refused where the store cannot be told about them. */
  readonly guarded: boolean;
  readonly leased: boolean;
  /** Ports of proxies, each with that of the server behind it. */
  readonly proxies: Readonly<Record<number, number>>;
}

/** From a backend, over its IPC channel. */
export type BackendMessage =
  | { readonly type: "listening"; readonly port: number }
  /**
   * The store is in use again, on whichever server it is now, and all invalidations that waited have been
   * replayed, for the `epoch`-th time.
   */
  | { readonly type: "recovered"; readonly epoch: number }
  /** What the cache says in its log. */
  | { readonly type: "log"; readonly atMs: number; readonly line: string };

/** To a backend: end by SIGKILL, at a moment when no invalidation waits to be replayed. */
export interface DieMessage {
  readonly type: "die";
}

/** Asks a write's handler to end the process by SIGKILL between commit and invalidation. */
export const CRASH_HEADER = "x-crash-after-commit";

/** On the answer to a write: its {@link WriteRecord} as JSON. */
export const RECORD_HEADER = "x-write-record";

/** On a list: which process made it, and between when and when it read the truth. Kept with the entry. */
export const FILLED_HEADER = "x-filled";

/** On every answer to a list: when its process had heard from Redis last, or 0. */
export const REACHED_HEADER = "x-reached";

/** Where a backend tells its {@link Records} of a tenant: `?tenant=NAME&since=MS`. */
export const RECORDS_PATH = "/records";

/** What a backend remembers. */
export interface Records {
  /** What it asked its store about the tenant, and what came back. */
  readonly events: readonly TimelineEvent[];
  /** The servers that it was connected to, the present one last. */
  readonly connections: readonly StoreConnection[];
}

export interface StoreConnection {
  readonly port: number;
  readonly fromMs: number;
  /** `Infinity` is no JSON: absent while it lasts. */
  toMs?: number;
  /** When the process had surely heard that this server had been replaced. */
  toldAtMs?: number;
}

/** A change of fences that a backend asked its store for. Times are on the clock of `machineNowMs`. */
export interface StoreChange {
  readonly what: "beginWrite" | "endWrite" | "replaceFences";
  /** Of the server, or of the proxy in front of it. */
  readonly port: number | undefined;
  readonly sentAtMs: number;
  /** When this process had surely heard, before it asked, that this server had been replaced. */
  readonly toldAtMs?: number;
  /** Absent while there is no answer. */
  readonly endedAtMs?: number;
  readonly error?: string;
}

/** How a write was answered. */
export interface WriteRecord {
  /** How often the process has recovered so far. */
  readonly epoch: number;
  /** Its invalidation waited to be replayed when the answer was released: no store had confirmed one since the commit. */
  readonly isDeferred: boolean;
  readonly changes: readonly StoreChange[];
}

export const TENANT_HEADER = "x-tenant";

/**
 * What lists and writes answer: the version of each module at the moment that their handler read or wrote
 * them.
 */
export interface ListBody {
  readonly tenant: string;
  readonly url: string;
  readonly rows: readonly { readonly tenant: string; readonly module: string; readonly version: number }[];
}

/** Longer than any handler here runs, short enough that a crashed writer's mark ends within a run. */
export const GUARD_MS = 1500;
