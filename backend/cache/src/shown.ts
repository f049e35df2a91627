// How messages name a value that somebody has given or returned: what it is, and as much of it as helps to find it.
// Tests: test/unit/refusals/arguments.test.ts, test/integration/misuse-values.test.ts
import { types } from "node:util";

const MAX_TEXT = 60;

/** `"180", a string`; `42, a number`; `a promise`; `an object (Redis)`. Never throws. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value === "" ? '"", an empty string' : `${JSON.stringify(shortened(value))}, a string`;
    case "number":
      return Number.isFinite(value) ? `${value}, a number` : String(value);
    case "bigint":
      return `${value}n, a bigint`;
    case "function":
      return types.isAsyncFunction(value) ? "an async function" : "a function";
    case "symbol":
      return "a symbol";
    case "object":
      return value === null ? "null" : shownObject(value);
    default:
      return String(value);
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

/** `"a"`, `"a" or "b"`, `"a", "b" or "c"`. */
export function listed(names: readonly string[], conjunction = "or"): string {
  const quoted = names.map((name) => JSON.stringify(name));
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} ${conjunction} ${last}`;
}

function shownObject(value: object): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (isThenable(value)) return "a promise";
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name !== "string" || name === "Object" ? "an object" : `an object (${name})`;
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
