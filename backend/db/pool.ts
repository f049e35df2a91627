// The PostgreSQL connection pool, and how its types become JSON.
// Tests: test/http/listing.test.ts
import { Pool, types } from "pg";

export interface PoolOptions {
  readonly databaseUrl: string;
  /** Connections at most. Default 10. */
  readonly max?: number;
  /** How long a query waits for a connection, milliseconds. Default 3000. */
  readonly connectTimeoutMs?: number;
  /** How long a statement may take, and a transaction may do nothing, milliseconds. Default 10,000; half as long again to do nothing. */
  readonly statementTimeoutMs?: number;
  /** Told about lost connections: one line each. */
  readonly onError: (message: string) => void;
}

const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** How much longer is waited for a server that does not answer at all: one that is stopped cannot end a statement. */
const ANSWER_LATER_MS = 2000;
const IDLE_RATIO = 1.5;

/**
 * numeric(15, 2) has fifteen significant digits, which a double carries exactly: money is a JSON number. A
 * date has no time zone and stays text, as does a time of day, which is shown without its seconds. Timestamps
 * are Dates, which JSON writes as ISO 8601 in UTC.
 */
const PARSERS = new Map<number, (text: string) => unknown>([
  [types.builtins.NUMERIC, Number],
  [types.builtins.DATE, (text) => text],
  [types.builtins.TIME, (text) => text.slice(0, 5)],
]);

/** Makes a pool; connects when first used. Rejections of `connect` come after at most `connectTimeoutMs`. */
export function createPool(options: PoolOptions): Pool {
  const { databaseUrl, max = 10, connectTimeoutMs = CONNECT_TIMEOUT_MS, onError } = options;
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
  const pool = new Pool({
    connectionString: databaseUrl,
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_LATER_MS,
    idle_in_transaction_session_timeout: IDLE_RATIO * statementTimeoutMs,
    application_name: "crm",
    types: { getTypeParser: (oid, format) => PARSERS.get(oid) ?? types.getTypeParser(oid, format) },
  });
  pool.on("error", (error) => onError(`postgres: connection lost (${error.message})`));
  // A connection that dies between two queries of a transaction emits "error" too, and would end the process
  // without a listener; the next query rejects and says so.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}
