// What an error of pg means to a client: a constraint that refused, or a database that is away.
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

// Classes 08 (connection), 53 (resources), 57 (operator intervention, statement timeout), and lost races for locks.
const UNAVAILABLE_STATE = /^(08|53|57)|^(40001|40P01|55P03)$/;
const SOCKET_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);
// pg gives these no code.
const SOCKET_MESSAGES =
  /^(timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Cannot use a pool after)/;

/** Whether trying again later may help: the database is away, overloaded, or gave up waiting. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof DatabaseError) return UNAVAILABLE_STATE.test(error.code ?? "");
  const code = Reflect.get(error, "code");
  return (typeof code === "string" && SOCKET_CODES.has(code)) || SOCKET_MESSAGES.test(error.message);
}

/**
 * Whether a value that a statement was given is none of its type, or out of its range (class 22). Values come from requests, which schemas
 * check before; this is for what they let through.
 */
export function isUnusableValue(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code?.startsWith("22") ?? false);
}
