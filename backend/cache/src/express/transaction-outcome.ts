// Whether it is known that a transaction which failed has changed nothing.
// Tests: test/unit/transaction-outcome.test.ts

/** Of the connection, of the operator who ended it, and "transaction resolution unknown" (SQL standard, class 08). */
const SQL_STATES = /^(08...|57P0.|40003)$/;
const SOCKET_CODES = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ECONNABORTED",
  "PROTOCOL_CONNECTION_LOST",
  "P1017",
  "P1001",
  "P1008",
]);
/** Drivers that give these no code: pg, tedious, mongodb. */
const MESSAGES =
  /connection (terminated|lost|closed|was closed|ended)|socket (hang up|closed)|server has closed/i;
/** Where ORMs keep the error of their driver: Sequelize, TypeORM, Drizzle and Prisma. */
const CAUSES = ["cause", "parent", "original", "driverError", "meta"] as const;
const DEEPEST = 5;

/**
 * A connection that was lost while COMMIT was under way leaves open whether it took place, so the change has to
 * count as made. Anything else that a transaction fails with is a refusal: it was rolled back.
 */
export function isOutcomeUnknown(error: unknown, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > DEEPEST) return false;
  const { code, message, errorLabels } = error as {
    code?: unknown;
    message?: unknown;
    errorLabels?: unknown;
  };
  if (typeof code === "string" && (SOCKET_CODES.has(code) || SQL_STATES.test(code))) return true;
  if (typeof message === "string" && MESSAGES.test(message)) return true;
  // MongoDB says it in so many words.
  if (Array.isArray(errorLabels) && errorLabels.includes("UnknownTransactionCommitResult")) return true;
  return CAUSES.some((name) => isOutcomeUnknown(Reflect.get(error, name), depth + 1));
}
