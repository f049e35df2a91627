// What the drain asks of the database: single statements, which any pooling lets through.
// Tests: test/integration/feed-drain.test.ts
import type { FeedDatabase } from "../queryable.js";
import { type LogPosition, positionAt } from "./log-position.js";
import { parseSnapshot } from "./snapshot.js";

/** What transactions have changed, as the triggers have noted it: see `docs/internals/feed.md`. */
export interface Change {
  readonly tenant: string;
  readonly module: string;
  readonly tag: string;
  /** Which transactions; `null` where they are many. */
  readonly xids: readonly string[] | null;
}

/** What one statement, and so one snapshot, shows. */
export interface Glimpse {
  readonly snapshot: string;
  /** Which database it is, and since when its server has been running. */
  readonly server: string;
  /** Whose it is; `null` where nobody's, or where the server has recovered since. */
  readonly marker: string | null;
  readonly overflows: string;
  /** All that the snapshot shows lies before it; absent where it was not asked for, and where the feed is nobody's. */
  readonly position?: LogPosition;
  /** Whether transactions are serializable where nobody says otherwise. */
  readonly isSerializable?: boolean;
  /** Since the last snapshot; `undefined` where they are more than one looks at. */
  readonly changes: readonly Change[] | undefined;
}

const MOST_CHANGES = 10_000;
const MOST_XIDS = 20;

/** Present in the list of changes: a probe of this drain has arrived. */
export const isProbe = ({ tenant, module }: Change): boolean => tenant === "" && module === "";

export class StandbyError extends Error {
  override readonly name = "StandbyError";
}

/**
 * `overflows` is read behind the snapshot, because a sequence is read as it is when it is read. A snapshot that is compared must be
 * of the same life of the server: see {@link Glimpse.server}.
 *
 * So is the position: what a snapshot shows was written before. Where commits do not wait for the disk, `pg_current_wal_lsn` may be behind them.
 *
 * Where it is said to, it reads as READ COMMITTED does: a serializable reader could make a writer's transaction fail. That takes a second statement, which
 * pooling of statements refuses.
 *
 * @param last the snapshot up to which everything is known; absent: changes are not asked for
 * @throws StandbyError
 */
export async function look(
  database: FeedDatabase,
  schema: string,
  last: string | undefined,
  { wantsPosition = false, isSerializable = false } = {},
): Promise<Glimpse> {
  const { xmax, xip } = last === undefined ? { xmax: 0n, xip: [] } : parseSnapshot(last);
  const changed = `SELECT tenant, module, tag, xid FROM ${schema}.changes WHERE`;
  const changes = `(SELECT coalesce(json_agg(json_build_array(tenant, module, tag, xids)), '[]') FROM (
      SELECT tenant, module, tag, CASE WHEN count(*) <= ${MOST_XIDS} THEN json_agg(xid::text) END AS xids
      FROM (${changed} xid >= '${xmax}'::xid8 UNION ALL ${changed} xid = ANY ('{${xip.join(",")}}'::xid8[]) AND xid < '${xmax}'::xid8) AS noted
      GROUP BY tenant, module, tag LIMIT ${MOST_CHANGES + 1}) AS few)`;
  const answer = await database.query(
    `${isSerializable ? AS_READ_COMMITTED : ""}SELECT pg_current_snapshot()::text AS snapshot, pg_is_in_recovery() AS standby,
      (SELECT oid FROM pg_database WHERE datname = current_database()) || ' ' || extract(epoch FROM pg_postmaster_start_time()) AS server,
      current_setting('default_transaction_isolation') = 'serializable' AS serializable,
      (SELECT marker FROM ${schema}.reader) AS marker,
      (SELECT last_value || ' ' || is_called FROM ${schema}.overflows) AS overflows,
      ${wantsPosition ? `CASE WHEN NOT pg_is_in_recovery() THEN ${bytes("pg_current_wal_insert_lsn()")} END` : "NULL"} AS lsn,
      ${last === undefined ? "NULL" : changes} AS changes`,
  );
  const { rows } = lastOf(answer);
  const row = rows[0] as GlimpseRow;
  if (row.standby) throw new StandbyError("the database is a standby: pass a pool that leads to the primary");
  const found = row.changes ?? [];
  return {
    snapshot: row.snapshot,
    server: row.server,
    marker: row.marker,
    overflows: row.overflows,
    isSerializable: row.serializable,
    ...(row.lsn !== null && row.marker !== null && { position: positionAt(row.marker, row.lsn) }),
    changes:
      found.length > MOST_CHANGES
        ? undefined
        : withModules(found.map(([tenant, module, tag, xids]) => ({ tenant, module, tag, xids }))),
  };
}

/** A row with a tag stands for its module, too. Told apart here: PostgreSQL would sort all rows for it, and has the writers to serve. */
function withModules(noted: readonly Change[]): Change[] {
  const changes: Change[] = [];
  const ofModules = new Map<string, Change>();
  for (const change of noted) {
    const { tenant, module, tag, xids } = change;
    if (module === "" || tag === "*") {
      changes.push(change);
      continue;
    }
    if (tag !== "") changes.push(change);
    const name = JSON.stringify([tenant, module]);
    const before = ofModules.get(name);
    ofModules.set(name, { tenant, module, tag: "", xids: before ? united(before.xids, xids) : xids });
  }
  return [...changes, ...ofModules.values()];
}

function united(some: Change["xids"], others: Change["xids"]): Change["xids"] {
  if (some === null || others === null) return null;
  const all = new Set([...some, ...others]);
  return all.size > MOST_XIDS ? null : [...all];
}

const AS_READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ";

type Rows = Awaited<ReturnType<FeedDatabase["query"]>>;

/** Of several statements in one text each has an answer. */
const lastOf = (answer: Rows | readonly Rows[]): Rows =>
  Array.isArray(answer) ? (answer.at(-1) as Rows) : (answer as Rows);

interface GlimpseRow {
  readonly snapshot: string;
  readonly serializable: boolean;
  readonly standby: boolean;
  readonly server: string;
  readonly marker: string | null;
  readonly overflows: string;
  readonly lsn: string | null;
  readonly changes:
    | readonly (readonly [tenant: string, module: string, tag: string, xids: readonly string[] | null])[]
    | null;
}

const bytes = (lsn: string): string => `(${lsn} - '0/0'::pg_lsn)::text`;

/**
 * What a replica has applied; what its statements from now on read is no older. Of a server that is no replica: all, where it is the one
 * that the feed has begun on. `undefined` where it says nothing, or the feed is nobody's. Rejects as the database does.
 */
export async function replayedBy(replica: FeedDatabase, schema: string): Promise<LogPosition | undefined> {
  const { rows } = await replica.query(
    `SELECT marker, CASE WHEN pg_is_in_recovery() THEN ${bytes("pg_last_wal_replay_lsn()")}
      WHEN started = pg_postmaster_start_time() THEN ${bytes("pg_current_wal_insert_lsn()")} END AS lsn
      FROM ${schema}.begun`,
  );
  const row = rows[0] as { readonly marker: string; readonly lsn: string | null } | undefined;
  return row && row.lsn !== null ? positionAt(row.marker, row.lsn) : undefined;
}

/** From now on the feed is this drain's. */
export async function begin(database: FeedDatabase, schema: string, marker: string): Promise<void> {
  await database.query(`SELECT ${schema}.begin($1)`, [marker]);
}

/**
 * Makes room where all is drained. Two statements in one text are one transaction: the lock must be followed by a snapshot of its own,
 * whatever isolation the database has by default.
 */
export async function tidy(database: FeedDatabase, schema: string, drained: string): Promise<void> {
  await database.query(`${AS_READ_COMMITTED}SELECT ${schema}.tidy('${drained.replaceAll(/[^0-9:,]/g, "")}')`);
}

/** A change of the feed's own, whose way is measured. */
export async function probe(database: FeedDatabase, schema: string, tag: string): Promise<void> {
  await database.query(`SELECT ${schema}.probe($1)`, [tag]);
}

/** A number that every transaction which has begun to write is below. */
export async function nextXid(database: FeedDatabase): Promise<bigint> {
  const { rows } = await database.query("SELECT pg_current_xact_id()::text AS xid");
  return BigInt((rows[0] as { readonly xid: string }).xid);
}
