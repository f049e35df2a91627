// Writers of single rows, beside each other: with and without triggers, and one a millisecond while a transaction stays open.
import { setTimeout as delay } from "node:timers/promises";
import { quantile } from "../statistics.js";
import { cpuMsOf } from "./cpu-time.js";
import { type FeedTables, openFeedTables } from "./feed-tables.js";

export const WRITERS = 32;
export const WRITES_PER_SECOND = 1000;
export const ROWS = 100_000;
const TICK_MS = 1;

export interface WriterRound {
  readonly without: Written;
  readonly with: Written;
}

interface Written {
  /** Transactions. */
  readonly perSecond: number;
  /** Of the server, for each transaction; NaN where the system does not say it. */
  readonly cpuMicros: number;
}

/** The first row is left to whoever stays open. */
const someId = () => 2 + Math.floor(Math.random() * (ROWS - 1));
const writeOne = ({ pool }: FeedTables) =>
  pool.query("UPDATE accounts SET total = total + 1 WHERE id = $1", [someId()]);

/** As fast as they can, each its next row when its last one is committed. @returns transactions a second */
export async function writeFor(tables: FeedTables, seconds: number): Promise<number> {
  const endsAtMs = performance.now() + seconds * 1000;
  let written = 0;
  const writer = async () => {
    for (; performance.now() < endsAtMs; written++) await writeOne(tables);
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return written / seconds;
}

export async function measureWriters(url: string, rounds: number, seconds: number): Promise<WriterRound[]> {
  const tables = await openFeedTables(url, ROWS, WRITERS);
  try {
    await writeFor(tables, 1);
    const measured: WriterRound[] = [];
    for (let round = 0; round < rounds; round++) {
      const isFirst = round % 2 === 0;
      const one = await written(tables, !isFirst, seconds);
      const other = await written(tables, isFirst, seconds);
      measured.push(isFirst ? { without: one, with: other } : { without: other, with: one });
    }
    return measured;
  } finally {
    await tables.pool.end();
  }
}

async function written(tables: FeedTables, hasTriggers: boolean, seconds: number): Promise<Written> {
  const { pool } = tables;
  await tables.have(hasTriggers);
  await pool.query("TRUNCATE etc_feed.changes");
  await pool.query("VACUUM accounts");
  const { rows } = await pool.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database()");
  const cpuMs = () => rows.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0);
  const before = cpuMs();
  const perSecond = await writeFor(tables, seconds);
  return { perSecond, cpuMicros: ((cpuMs() - before) * 1000) / (perSecond * seconds) };
}

export interface PacedWrites {
  readonly written: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The most that the feed's schema took on the disk. */
  readonly feedBytes: number;
}

/** {@link WRITES_PER_SECOND}, sent on time whether earlier ones are committed or not. */
export async function writePaced(tables: FeedTables, seconds: number): Promise<PacedWrites> {
  const tookMs: number[] = [];
  const pending = new Set<Promise<void>>();
  const startedAtMs = performance.now();
  const total = seconds * WRITES_PER_SECOND;
  let [sent, feedBytes, looksAtSecond] = [0, 0, 1];
  while (sent < total) {
    const passedMs = performance.now() - startedAtMs;
    for (const due = Math.min(total, (passedMs / 1000) * WRITES_PER_SECOND); sent < due; sent++) {
      const sentAtMs = performance.now();
      const done = writeOne(tables).then(() => {
        pending.delete(done);
        tookMs.push(performance.now() - sentAtMs);
      });
      pending.add(done);
    }
    if (passedMs > looksAtSecond * 1000) {
      looksAtSecond++;
      feedBytes = Math.max(feedBytes, await bytesOfFeed(tables));
    }
    await delay(TICK_MS);
  }
  await Promise.all(pending);
  feedBytes = Math.max(feedBytes, await bytesOfFeed(tables));
  const at = (of: number) => quantile(tookMs, of);
  return { written: tookMs.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), feedBytes };
}

async function bytesOfFeed({ pool }: FeedTables): Promise<number> {
  const { rows } = await pool.query(`SELECT sum(pg_total_relation_size(oid))::float8 AS bytes FROM pg_class
    WHERE relnamespace = 'etc_feed'::regnamespace AND relkind IN ('r', 'S')`);
  return rows[0].bytes as number;
}
