// What each command is given: where it writes, what it may wait for, and the target that it asks.
import type { AppTarget } from "./app-target.js";
import type { Output } from "./output.js";
import type { RedisTarget } from "./redis-target.js";

export interface Context {
  readonly output: Output;
  readonly timeoutMs: number;
  /** Aborted when somebody ends the command: a signal, a key, a reader that has gone. */
  readonly ended: AbortSignal;
  end(): void;
}

export type Target = RedisTarget | AppTarget;
