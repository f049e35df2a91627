// Counts the statements that a pool's connections send, without those that begin and end transactions.
import type { Pool, PoolClient } from "pg";

const TRANSACTION_CONTROL = /^\s*(BEGIN|COMMIT|ROLLBACK)\b/i;

/** Counts from now on, on connections that are made from now on. Returns the count so far. */
export function countQueries(pool: Pool): () => number {
  let count = 0;
  pool.on("connect", (client: PoolClient) => {
    const send = client.query.bind(client) as (...args: unknown[]) => unknown;
    const counting = (...args: unknown[]) => {
      if (typeof args[0] === "string" && !TRANSACTION_CONTROL.test(args[0])) count++;
      return send(...args);
    };
    client.query = counting as typeof client.query;
  });
  return () => count;
}
