// A database whose tables have the feed's triggers, or have them not: orders without tags, accounts with one for each row.
import pg from "pg";
import { TRIGGERS } from "../../src/feed/capture-schema.js";
import { createFeed, type Feed } from "../../src/feed/index.js";
import { FEED_TABLE_NAMES, FEED_TABLES, FEED_TENANTS } from "../feed-terms.js";

export interface FeedTables {
  readonly pool: pg.Pool;
  readonly feed: Feed;
  /** Has the triggers there, or takes them away: PostgreSQL keeps old and new rows for disabled ones as well. */
  have(hasTriggers: boolean): Promise<void>;
}

/** Both tables anew, with so many rows each. @param connections at most */
export async function openFeedTables(url: string, rows: number, connections: number): Promise<FeedTables> {
  const pool = new pg.Pool({ connectionString: url, max: connections, idleTimeoutMillis: 0 });
  pool.on("error", () => undefined);
  await pool.query("DROP SCHEMA IF EXISTS etc_feed CASCADE");
  for (const name of FEED_TABLE_NAMES) {
    await pool.query(`DROP TABLE IF EXISTS ${name};
      CREATE TABLE ${name} (id bigint PRIMARY KEY, tenant_id text NOT NULL, name text, owner int, total numeric,
        changed_at timestamptz DEFAULT now());
      INSERT INTO ${name} SELECT n, 't' || n % ${FEED_TENANTS}, 'n' || n, n, n FROM generate_series(1, ${rows}) n`);
    await pool.query(`VACUUM ANALYZE ${name}`);
  }
  const feed = createFeed({ database: pool, tables: FEED_TABLES });
  const have = async (hasTriggers: boolean) => {
    if (hasTriggers) await feed.install();
    else
      for (const name of FEED_TABLE_NAMES)
        for (const trigger of TRIGGERS)
          await pool.query(`DROP TRIGGER IF EXISTS etc_feed_${trigger.name} ON ${name}`);
  };
  await have(true);
  return { pool, feed, have };
}
