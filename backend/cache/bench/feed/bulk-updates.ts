// What the triggers cost an UPDATE of a whole table: CPU time of its backend and time on the clock, with and without in turns.
import { FEED_TABLE_NAMES, type FeedTableName } from "../feed-terms.js";
import { median } from "../statistics.js";
import { cpuMsOf } from "./cpu-time.js";
import { openFeedTables } from "./feed-tables.js";

export interface BulkUpdate {
  readonly table: FeedTableName;
  readonly rows: number;
  /** What the feed has noted of it. */
  readonly noted: number;
  readonly rounds: readonly BulkRound[];
}

interface BulkRound {
  readonly without: Cost;
  readonly with: Cost;
}

interface Cost {
  /** NaN where the system does not say it. */
  readonly cpuMs: number;
  readonly tookMs: number;
}

/** The median of the rounds' ratios: each round's halves follow each other. */
export const ratioOf = ({ rounds }: BulkUpdate, of: keyof Cost): number =>
  median(rounds.map((round) => round.with[of] / round.without[of]));

export async function measureBulkUpdates(url: string, rows: number, rounds: number): Promise<BulkUpdate[]> {
  // One connection, and so one backend.
  const { pool, have } = await openFeedTables(url, rows, 1);
  try {
    const { rows: found } = await pool.query("SELECT pg_backend_pid() AS pid");
    const pid = Number(found[0].pid);
    const update = async (table: FeedTableName): Promise<Cost & { noted: number }> => {
      await pool.query(`VACUUM ${table}`);
      await pool.query("CHECKPOINT");
      await pool.query("BEGIN");
      const before = { cpuMs: cpuMsOf(pid), atMs: performance.now() };
      await pool.query(`UPDATE ${table} SET total = total + 1`);
      const cost = { cpuMs: cpuMsOf(pid) - before.cpuMs, tookMs: performance.now() - before.atMs };
      const noted = await pool.query(
        "SELECT count(*)::int AS count FROM etc_feed.changes WHERE xid = pg_current_xact_id()",
      );
      await pool.query("ROLLBACK");
      return { ...cost, noted: noted.rows[0].count };
    };
    const measured: BulkUpdate[] = [];
    for (const table of FEED_TABLE_NAMES) {
      let noted = 0;
      const all: BulkRound[] = [];
      // The first one fills caches and makes room in the table; it does not count.
      for (let round = -1; round < rounds; round++) {
        await have(false);
        const without = await update(table);
        await have(true);
        const { noted: count, ...cost } = await update(table);
        noted = count;
        if (round >= 0) all.push({ without: { cpuMs: without.cpuMs, tookMs: without.tookMs }, with: cost });
      }
      measured.push({ table, rows, noted, rounds: all });
    }
    return measured;
  } finally {
    await pool.end();
  }
}
