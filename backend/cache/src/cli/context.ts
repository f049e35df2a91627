// What each command is given: where it writes, what it may wait for, and the target that it asks.
import type { Output } from "./output.js";

export interface Context {
  readonly output: Output;
  readonly timeoutMs: number;
  /** Aborted when somebody ends the command: a signal, a key, a reader that has gone. */
  readonly ended: AbortSignal;
  end(): void;
}
