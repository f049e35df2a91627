// A PostgreSQL that keeps its files and may be killed, with a table, a feed on it, and an app that shows it.
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { type DurablePostgres, startDurablePostgres } from "../../../servers/index.js";
import { createFeed } from "../../src/feed/index.js";
import { type FeedApp, openFeedApp } from "./feed-app.js";
import type { FeedDatabaseForTest } from "./feed-database.js";
import { TABLES } from "./feed-tables.js";

/** Until the test that is under way has ended. */
export async function openDurableFeed(): Promise<FeedApp & { readonly server: DurablePostgres }> {
  const server = await startDurablePostgres();
  afterTest(() => server.stop());
  const pool = new pg.Pool({ connectionString: server.url, max: 4 });
  pool.on("error", () => undefined);
  afterTest(() => pool.end());
  await pool.query(
    "CREATE TABLE orders (id int PRIMARY KEY, tenant_id text, total int); INSERT INTO orders VALUES (1, 't1', 1)",
  );
  const tables = { orders: TABLES.orders };
  const feed = createFeed({ database: pool, tables, probeMs: 0, ownerRole: null });
  await feed.install();
  const beside: FeedDatabaseForTest = { url: server.url, pool, feed, noted: async () => [] };
  return { ...(await openFeedApp({ store: "redis", beside })), server };
}
