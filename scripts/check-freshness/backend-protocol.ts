// What the checker and its backend processes tell each other.
import type { RedisOptions } from "ioredis";
import type { Protection } from "./protections.js";

/** How a backend is set up: its only argument, as JSON. */
export interface BackendConfig {
  readonly seed: number;
  readonly truthPort: number;
  readonly redis: RedisOptions;
  readonly without?: Protection;
  readonly budgetMs?: number;
  /** Writes are guarded, and refused where the store cannot be told about them. */
  readonly guarded: boolean;
}

/** From a backend, over its IPC channel. */
export type BackendMessage =
  | { readonly type: "listening"; readonly port: number }
  /** The store is in use again and all invalidations that waited have been replayed, for the `epoch`-th time. */
  | { readonly type: "recovered"; readonly epoch: number };

/** To a backend: end by SIGKILL, at a moment when no invalidation waits to be replayed. */
export interface DieMessage {
  readonly type: "die";
}

/** Asks a write's handler to end the process by SIGKILL between commit and invalidation. */
export const CRASH_HEADER = "x-crash-after-commit";

/** On the answer to a write that was released while its invalidation waits: how often the process has recovered so far. */
export const DEFERRED_HEADER = "x-deferred-in-epoch";

export const TENANT_HEADER = "x-tenant";

/** What lists and writes answer: the version of each module at the moment that their handler read or wrote them. */
export interface ListBody {
  readonly tenant: string;
  readonly url: string;
  readonly rows: readonly { readonly tenant: string; readonly module: string; readonly version: number }[];
}

/** Longer than any handler here runs, short enough that a crashed writer's mark ends within a run. */
export const GUARD_MS = 1500;
