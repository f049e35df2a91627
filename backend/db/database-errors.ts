// What an error of pg means to a client: a constraint that refused, or a database that is away.
// Tests: test/http/problems.test.ts
import { types } from "node:util";
import { DatabaseError } from "pg";

const UNIQUE_VIOLATION = "23505";
const FOREIGN_KEY_VIOLATION = "23503";

export interface ConstraintViolation {
  readonly kind: "unique" | "foreign-key";
  readonly constraint: string;
}

/** Which unique or foreign key constraint refused a write; `undefined` for any other error. */
export function constraintViolation(error: unknown): ConstraintViolation | undefined {
  if (!(error instanceof DatabaseError) || error.constraint === undefined) return undefined;
  if (error.code === UNIQUE_VIOLATION) return { kind: "unique", constraint: error.constraint };
  if (error.code === FOREIGN_KEY_VIOLATION) return { kind: "foreign-key", constraint: error.constraint };
  return undefined;
}

// Classes 08 (connection), 53 (resources), 57 (operator intervention, statement timeout), and lost races for
// locks.
const UNAVAILABLE_STATE = /^(08|53|57)|^(40001|40P01|55P03)$/;
// Too many connections, and a server that starts, stops or has crashed.
const AWAY_STATE = /^(08...|53300|57P0.)$/;
// disk_full; what else a disk says (a quota is no disk_full); a standby, or a server that was made read-only,
// as hosts do before a disk is full.
const NO_WRITES_STATE = /^(53100|58...|25006)$/;
const SOCKET_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);
// pg gives these no code.
const SOCKET_MESSAGES =
  /^(timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|Cannot use a pool after)/;

/** What lasts, and meets every request of its kind. */
export type DatabaseTrouble = "away" | "no-writes";

/** Which lasting trouble an error tells of; `undefined` where it is this one statement's. */
export function databaseTrouble(error: unknown): DatabaseTrouble | undefined {
  // Not "instanceof": those of sockets are made by Node, whose Error is another one where a test runner has
  // contexts of its own.
  if (!types.isNativeError(error)) return undefined;
  if (!(error instanceof DatabaseError)) return isConnectionLost(error) ? "away" : undefined;
  if (NO_WRITES_STATE.test(error.code ?? "")) return "no-writes";
  return AWAY_STATE.test(error.code ?? "") ? "away" : undefined;
}

/** Whether trying again later may help: the database is away, overloaded, full, or gave up waiting. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (databaseTrouble(error) !== undefined) return true;
  return error instanceof DatabaseError && UNAVAILABLE_STATE.test(error.code ?? "");
}

function isConnectionLost(error: Error): boolean {
  const code = Reflect.get(error, "code");
  return (typeof code === "string" && SOCKET_CODES.has(code)) || SOCKET_MESSAGES.test(error.message);
}

/**
 * Whether a value that a statement was given is none of its type, or out of its range (class 22). Values come
 * from requests, which schemas check before; this is for what they let through.
 */
export function isUnusableValue(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code?.startsWith("22") ?? false);
}
