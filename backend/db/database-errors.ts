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

/** What a client is told of a database that cannot do it now. */
export interface Unavailability {
  readonly detail: string;
  /** When it may be so again. */
  readonly retryAfterSeconds: number;
}

const AWAY: Unavailability = { detail: "The database cannot answer now. Try again.", retryAfterSeconds: 1 };
// Somebody has to make room, or the server has to become the one that takes writes: not in the next second.
const TAKES_NO_WRITES = new Map<string, Unavailability>([
  // disk_full: reads go on, but for those that sort more than fits into memory.
  [
    "53100",
    { detail: "The database has no room for what it would write. Try again later.", retryAfterSeconds: 30 },
  ],
  // read_only_sql_transaction: a standby, or a server that its provider has made read-only because its disk is full.
  ["25006", { detail: "The database takes no writes now. Try again later.", retryAfterSeconds: 30 }],
]);

// Classes 08 (connection), 53 (resources), 57 (operator intervention, statement timeout), 58 (the server's disk and system), and lost
// races for locks.
const UNAVAILABLE_STATE = /^(08|53|57|58)|^(40001|40P01|55P03)$/;
const SOCKET_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);
// pg gives these no code.
const SOCKET_MESSAGES =
  /^(timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Cannot use a pool after)/;

/** What to tell where trying again later may help: the database is away, overloaded, full, or gave up waiting. */
export function databaseUnavailability(error: unknown): Unavailability | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = String(Reflect.get(error, "code"));
  if (error instanceof DatabaseError)
    return TAKES_NO_WRITES.get(code) ?? (UNAVAILABLE_STATE.test(code) ? AWAY : undefined);
  return SOCKET_CODES.has(code) || SOCKET_MESSAGES.test(error.message) ? AWAY : undefined;
}

/**
 * Whether a value that a statement was given is none of its type, or out of its range (class 22). Values come from requests, which schemas
 * check before; this is for what they let through.
 */
export function isUnusableValue(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code?.startsWith("22") ?? false);
}
