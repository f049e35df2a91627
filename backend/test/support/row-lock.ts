// Locks that hold requests up at a known point, so that races are arranged instead of hoped for.
import { Client } from "pg";

export interface HeldLock {
  /** Resolves once so many sessions wait for a lock in this database. */
  awaitedBy(sessions: number): Promise<void>;
  release(): Promise<void>;
}

/** Locks one row as an update would. */
export function lockRow(databaseUrl: string, table: string, id: string): Promise<HeldLock> {
  return hold(databaseUrl, `SELECT FROM ${table} WHERE id = '${id}' FOR UPDATE`);
}

/** Locks a whole table, also against reading. */
export function lockTable(databaseUrl: string, table: string): Promise<HeldLock> {
  return hold(databaseUrl, `LOCK TABLE ${table}`);
}

async function hold(databaseUrl: string, statement: string): Promise<HeldLock> {
  const holder = new Client({ connectionString: databaseUrl });
  // A session of its own: within a transaction pg_stat_activity never changes.
  const watcher = new Client({ connectionString: databaseUrl });
  // Where a test has failed, its database is dropped under them: that is told already.
  for (const client of [holder, watcher]) client.on("error", () => undefined);
  await Promise.all([holder.connect(), watcher.connect()]);
  await holder.query(`BEGIN; ${statement}`);
  const waiting =
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  return {
    awaitedBy: async (sessions) => {
      while (((await watcher.query(waiting)).rowCount ?? 0) < sessions);
    },
    release: async () => {
      await Promise.all([holder.end(), watcher.end()]);
    },
  };
}
