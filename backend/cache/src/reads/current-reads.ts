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
  /** Another cached route answers within the handler, perhaps without any statement. */
  nested(): void;
}

const current = new AsyncLocalStorage<StatementSink | undefined>();

/** Statements of these connections are noted by whoever runs them. */
export function notingFor(source: object): Noting {
  return {
    current: () => current.getStore(),
    note: (connection, text, values) => current.getStore()?.note(source, connection, text, values),
  };
}

export function tellNested(): void {
  current.getStore()?.nested();
}

export function notedBy<T>(sink: StatementSink | undefined, work: () => T): T {
  return current.run(sink, work);
}
