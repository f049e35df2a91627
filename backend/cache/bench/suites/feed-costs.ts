// The feed: what its triggers cost writers, what covered hits cost, how soon a COMMIT is a fence, and what a transaction that stays open does.
import { onServer } from "../../../servers/guarded-postgres.js";
import { startPostgresOnDisk, startPostgresServer } from "../../../servers/postgres.js";
import type { Bench } from "../bench.js";
import { moveTo } from "../cores.js";
import { type BulkUpdate, measureBulkUpdates, ratioOf } from "../feed/bulk-updates.js";
import {
  type Delay,
  keepAwake,
  keepBusy,
  measureDelay,
  measureHits,
  startFeedApp,
} from "../feed/feed-hits.js";
import { openFeedTables } from "../feed/feed-tables.js";
import {
  measureWriters,
  type PacedWrites,
  ROWS,
  WRITERS,
  WRITES_PER_SECOND,
  writeFor,
  writePaced,
} from "../feed/writers.js";
import { FEED_TENANTS } from "../feed-terms.js";
import type { SuiteReport, Verdict } from "../report.js";
import { formatNumber, formatSpread, median } from "../statistics.js";

const TERMS = {
  quick: { rows: [30_000], seconds: 3, delaySeconds: 10, quietSeconds: 5, openSeconds: 60 },
  full: { rows: [300_000, 1_000_000], seconds: 10, delaySeconds: 30, quietSeconds: 30, openSeconds: 600 },
};
const MEGABYTE = 1_000_000;
const FLOORS = { update: 1.3, writers: 0.85, hits: 0.97, bytes: 10 * MEGABYTE };
/** How much longer the slowest hundredth may take while a transaction is open, and what a machine's noise is. */
const NOT_DELAYED = { times: 2, noiseMs: 10 };

export async function feedCosts(bench: Bench): Promise<SuiteReport> {
  const { quick, rounds } = bench.options;
  const terms = quick ? TERMS.quick : TERMS.full;
  const url = await startDatabase(bench);
  const updates: BulkUpdate[] = [];
  for (const rows of terms.rows) updates.push(...(await measureBulkUpdates(url, rows, rounds)));
  const writers = await measureWriters(url, rounds, terms.seconds);
  const durable = await startPostgresOnDisk();
  bench.onEnd(durable.stop);
  await moveServer(bench, durable.url);
  const durableWriters = await measureWriters(durable.url, rounds, terms.seconds / 2);
  const tables = await openFeedTables(url, ROWS, WRITERS);
  bench.onEnd(() => tables.pool.end());
  const hits = await measureHits(bench, { databaseUrl: url }, rounds, terms.seconds);
  const idle = await measureDelay(bench, { databaseUrl: url }, terms.delaySeconds);
  const busy = await measureBusyDelay(bench, terms.delaySeconds);
  const open = await measureOpenTransaction(bench, url, tables, terms);
  const times = (values: readonly number[]) => [formatNumber(median(values)), formatSpread(values)];
  const ratios = (of: typeof writers) => of.map((round) => round.with.perSecond / round.without.perSecond);
  const addedMicros = writers.map((round) => round.with.cpuMicros - round.without.cpuMicros);
  const usualMicros = median(writers.map((round) => round.without.cpuMicros));
  const hitRatios = hits.map((round) => round.with.perSecond / round.without.perSecond);
  const cpuRatios = hits.map((round) => round.without.cpuMicros / round.with.cpuMicros);
  return {
    suite: "feed",
    tables: [
      {
        title: "An UPDATE of all rows of 50 tenants, with triggers over without",
        head: ["table", "rows", "CPU", "time", "CPU, spread", "rows noted"],
        rows: updates.map((update) => [
          update.table === "accounts" ? "with tags" : "without tags",
          formatNumber(update.rows),
          formatNumber(ratioOf(update, "cpuMs")),
          formatNumber(ratioOf(update, "tookMs")),
          formatSpread(update.rounds.map((round) => round.with.cpuMs / round.without.cpuMs)),
          String(update.noted),
        ]),
      },
      {
        title: "With the feed over without it",
        head: ["what", "median", "spread"],
        rows: [
          [`single-row UPDATEs a second, ${WRITERS} writers, no COMMIT waits`, ...times(ratios(writers))],
          [`the same, each COMMIT waits for this machine's disk`, ...times(ratios(durableWriters))],
          [
            `CPU time of the server for each, µs more than ${formatNumber(usualMicros)}`,
            ...times(addedMicros),
          ],
          ["covered hits a second, 32 connections", ...times(hitRatios)],
          ["covered hits for each second of CPU time", ...times(cpuRatios)],
        ],
      },
      {
        title: "From COMMIT to fence",
        head: ["machine", "p50 ms", "p99 ms", "hits of the reads meanwhile"],
        rows: [
          ["idle", formatNumber(idle.p50), formatNumber(idle.p99), "-"],
          [
            `${WRITERS} writers and 32 readers at full load; app and Redis have a core, all else the other`,
            ...[busy.p50, busy.p99, busy.hitShare].map(formatNumber),
          ],
        ],
      },
      {
        title: `${WRITES_PER_SECOND} writes a second, ${terms.openSeconds} s of them beside a transaction that stays open`,
        head: ["", "writes", "p50 ms", "p99 ms", "max ms", "feed on disk, MB"],
        rows: [pacedRow("none is open", open.before), pacedRow("one is open", open.during)],
      },
    ],
    verdicts: verdictsOf(
      updates,
      { memory: ratios(writers), disk: ratios(durableWriters) },
      median(hitRatios),
      open,
    ),
    failures: hits.some((round) => Math.min(round.with.hitShare, round.without.hitShare) < 0.99)
      ? ["feed: more than one request in a hundred was no hit: the machine stood still for longer than x"]
      : [],
    rounds: { updates, writers, durableWriters, hits, idle, busy, open },
  };
}

/** Not on the core of who writes: there each microsecond of either would be one less for the other. */
async function startDatabase(bench: Bench): Promise<string> {
  const { url, stop } = await startPostgresServer();
  bench.onEnd(stop);
  await moveServer(bench, url);
  return url;
}

async function moveServer({ cores }: Bench, url: string): Promise<void> {
  if (!cores) return;
  const sql = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid";
  moveTo(cores.servers, await onServer(url, async (client) => (await client.query(sql)).rows[0].pid));
}

/**
 * A database that has all it can do. App and Redis have the other core: among 32 backends of one core each would get a 33rd of it, and late answers of
 * Redis are none.
 */
async function measureBusyDelay(bench: Bench, seconds: number): Promise<Delay> {
  const { url, stop } = await startPostgresServer();
  bench.onEnd(stop);
  const redis = await bench.startRedis();
  if (bench.cores) moveTo(bench.cores.servers, redis.pid);
  const tables = await openFeedTables(url, ROWS, WRITERS);
  try {
    return await measureDelay(bench, { databaseUrl: url, redisUrl: redis.url }, seconds, (app) =>
      Promise.all([keepBusy(app, seconds), writeFor(tables, seconds)]),
    );
  } finally {
    await tables.pool.end();
  }
}

interface OpenTransaction {
  readonly before: PacedWrites;
  readonly during: PacedWrites;
}

async function measureOpenTransaction(
  bench: Bench,
  url: string,
  tables: Awaited<ReturnType<typeof openFeedTables>>,
  { quietSeconds, openSeconds }: typeof TERMS.full,
): Promise<OpenTransaction> {
  const app = await startFeedApp(bench, { databaseUrl: url }, true);
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const awake = keepAwake(app, 2 * (quietSeconds + openSeconds), ended);
  const open = await tables.pool.connect();
  try {
    const before = await writePaced(tables, quietSeconds);
    await open.query("BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE accounts SET total = 0 WHERE id = 1");
    const during = await writePaced(tables, openSeconds);
    await open.query("COMMIT");
    return { before, during };
  } finally {
    open.release();
    end();
    await awake;
    await app.stop();
  }
}

function pacedRow(name: string, { written, p50Ms, p99Ms, maxMs, feedBytes }: PacedWrites): string[] {
  return [name, ...[written, p50Ms, p99Ms, maxMs, feedBytes / MEGABYTE].map(formatNumber)];
}

function verdictsOf(
  updates: readonly BulkUpdate[],
  writers: Readonly<Record<"memory" | "disk", readonly number[]>>,
  hits: number,
  { before, during }: OpenTransaction,
): Verdict[] {
  const mostMs = NOT_DELAYED.times * before.p99Ms + NOT_DELAYED.noiseMs;
  const most = (path: string, floor: number, value: number): Verdict => {
    return { path, floor: `at most ${floor}`, figure: formatNumber(value), reached: value <= floor };
  };
  const least = (path: string, floor: number, value: number): Verdict => {
    return { path, floor: `at least ${floor}`, figure: formatNumber(value), reached: value >= floor };
  };
  return [
    ...updates.map((update) =>
      most(
        `UPDATE of ${formatNumber(update.rows)} ${update.table}, CPU time over that without triggers`,
        FLOORS.update,
        ratioOf(update, "cpuMs"),
      ),
    ),
    ...updates.map(({ table, rows, noted }) =>
      most(`rows noted of an UPDATE of ${formatNumber(rows)} ${table}`, FEED_TENANTS, noted),
    ),
    ...(["memory", "disk"] as const).map((place) =>
      least(
        `single-row UPDATEs, ${WRITERS} writers, over those without triggers, on ${place}`,
        FLOORS.writers,
        median(writers[place]),
      ),
    ),
    least("covered hits over those without a feed", FLOORS.hits, hits),
    {
      path: "p99 of writes beside an open transaction",
      floor: `at most ${formatNumber(mostMs)} ms (${NOT_DELAYED.times} times that without, and ${NOT_DELAYED.noiseMs} ms)`,
      figure: `${formatNumber(during.p99Ms)} ms`,
      reached: during.p99Ms <= mostMs,
    },
    {
      path: "the feed on disk meanwhile",
      floor: `under ${FLOORS.bytes / MEGABYTE} MB`,
      figure: `${formatNumber(during.feedBytes / MEGABYTE)} MB`,
      reached: during.feedBytes < FLOORS.bytes,
    },
  ];
}
