// Who notes the statements of the handler that is running.
// Tests: test/integration/auto-connections.test.ts
import { AsyncLocalStorage } from "node:async_hooks";
import type { Connection, Noting } from "./tracked-connections.js";

export interface StatementSink {
  /**
   * Never throws.
   *
   * @param source what was tracked
   * @param text `undefined` where it is not known
   */
  note(source: object, connection: Connection, text: string | undefined, values: readonly unknown[]): void;
  /** Something was asked through a pool that is not tracked. */
  strange(): void;
  /** Another cached route answers within the handler, perhaps without any statement. */
  nested(): void;
}

const current = new AsyncLocalStorage<StatementSink | undefined>();

/** Statements of these connections are noted by whoever runs them. */
export function notingFor(source: object): Noting {
  return {
    current: () => current.getStore(),
    kept: (work) => keptBy(current.getStore(), work),
    note: (connection, text, values) => current.getStore()?.note(source, connection, text, values),
  };
}

function keptBy<F extends (...args: never[]) => unknown>(sink: StatementSink | undefined, work: F): F {
  const kept = function (this: unknown, ...args: Parameters<F>): unknown {
    return current.run(sink, () => Reflect.apply(work, this, args));
  };
  return kept as F;
}

export function tellStrange(): void {
  current.getStore()?.strange();
}

export function tellNested(): void {
  current.getStore()?.nested();
}

export function notedBy<T>(sink: StatementSink | undefined, work: () => T): T {
  return current.run(sink, work);
}
