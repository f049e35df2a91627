// What an error says, whoever has thrown it.
// Tests: test/integration/misuse.test.ts
import { types } from "node:util";

/**
 * Also for errors of another realm: those that Node makes while Jest runs an app are no instances of the
 * app's `Error`.
 */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/** Its message; what else was thrown, as text. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown);
}
