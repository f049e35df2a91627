// A database with tables of two tenants and a feed on them, and what the feed has noted.
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { createTestDatabase } from "../../../servers/postgres.js";
import { createFeed, type Feed, type FeedDatabase, type FeedOptions } from "../../src/feed/index.js";
import { TABLES } from "./feed-tables.js";

export { TABLES } from "./feed-tables.js";

const SCHEMA = `
  CREATE TABLE accounts (id int PRIMARY KEY, tenant_id text, name text);
  CREATE TABLE orders (id int PRIMARY KEY, tenant_id text, account_id int REFERENCES accounts ON DELETE CASCADE, total int);
  CREATE TABLE rates (id int PRIMARY KEY, value int);
  INSERT INTO accounts SELECT n, 't' || n % 2, 'n' FROM generate_series(1, 10) n;
  INSERT INTO orders SELECT n, 't' || n % 2, n, 1 FROM generate_series(1, 10) n;
`;

export interface FeedDatabaseForTest {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly feed: Feed;
  /** What was noted by what has been committed since the last call: `tenant module tag`, sorted. A row with a tag means its module, too. */
  noted(): Promise<string[]>;
}

/** Until the test that is under way has ended. */
export async function openFeedDatabase(
  options: Partial<FeedOptions> = {},
  schema = SCHEMA,
  databaseOf: (pool: pg.Pool) => FeedDatabase = (pool) => pool,
): Promise<FeedDatabaseForTest> {
  const { url, drop } = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: url, max: 5 });
  pool.on("error", () => undefined);
  afterTest(async () => {
    await pool.end();
    await drop();
  });
  await pool.query(schema);
  const feed = createFeed({ database: databaseOf(pool), tables: TABLES, ...options });
  await feed.install();
  const place = options.schema ?? "etc_feed";
  let last = "1:1:";
  const noted = async () => {
    const { rows } = await pool.query(
      `SELECT pg_current_snapshot()::text AS now,
        (SELECT json_agg(DISTINCT concat_ws(' ', tenant, module, meant))
          FROM ${place}.changes, unnest(ARRAY[NULL, nullif(tag, '')]) AS meant
          WHERE NOT pg_visible_in_snapshot(xid, $1)) AS noted`,
      [last],
    );
    last = rows[0].now;
    return [...((rows[0].noted as string[] | null) ?? [])].sort();
  };
  await noted();
  return { url, pool, feed, noted };
}
