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

/**
 * As an error that Express takes for one: it goes on to the next handler where nothing was thrown, or the name
 * of a way on.
 */
export function asError(thrown: unknown): unknown {
  const isLost = !thrown || thrown === "route" || thrown === "router";
  return isLost ? new Error(`${String(thrown)} was thrown`) : thrown;
}

/** Its message; what else was thrown, as text. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown);
}
