// What the source says has changed since it was last asked, and a reading of all its clients where nobody can say. One process each.
// Tests: test/integration/sync-replay.test.ts, test/faults/sync-kills.test.ts
import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import { isSourceError, type SourceEvent, SourceRefused, SourceUnavailable } from "./connector.js";
import { takeEvents } from "./inbox.js";
import {
  actorOf,
  connectionRecord,
  ensureConnection,
  inTenant,
  type Link,
  type SyncContext,
  subjectIdOf,
} from "./sync-context.js";

interface Run {
  readonly runner: string;
  readonly cursor: string | null;
  readonly full_read_page: string | null;
  readonly full_read_began_at: Date | null;
  readonly is_full_read_due: boolean;
}

/** Longer than a poll of the source's stream. */
const RUN_SECONDS = 60;
const BATCH = 200;
/** A list that never ends is gone on with in the next round. */
const MAX_PAGES_AT_ONCE = 10_000;

/**
 * Reads on from the cursor, then all clients where that is due. What has been read is durable before the cursor moves.
 * @returns whether this process did it: another one may be at it
 */
export async function replayRound(context: SyncContext, link: Link, signal: AbortSignal): Promise<boolean> {
  const run = await begin(context, link);
  if (!run) return false;
  try {
    // All clients are read after the stream, so that a change between the two is in one of them.
    await readStream(context, link, run, signal);
    await fullRead(context, link, run, signal);
    await end(context, link, run, null);
  } catch (error) {
    await end(context, link, run, isSourceError(error) ? error.message : null).catch(() => undefined);
    if (!isSourceError(error)) throw error;
  }
  return true;
}

function begin(context: SyncContext, link: Link): Promise<Run | undefined> {
  const { id } = link.connection;
  return inTenant(context, link, async (client) => {
    await ensureConnection(client, link);
    const { rows } = await client.query<Run>(
      `UPDATE sync_connections SET runner = $2, runner_until = now() + make_interval(secs => $3)
       WHERE id = $1 AND (runner_until IS NULL OR runner_until < now())
       RETURNING runner, cursor, full_read_page, full_read_began_at,
         full_read_wanted OR full_read_began_at IS NOT NULL OR full_read_at < now() - make_interval(secs => $4) AS is_full_read_due`,
      [id, randomUUID(), RUN_SECONDS, context.limits.fullReadSeconds],
    );
    return rows[0];
  });
}

async function end(context: SyncContext, link: Link, { runner }: Run, problem: string | null): Promise<void> {
  await inTenant(context, link, (client) =>
    client.query(
      `UPDATE sync_connections SET runner = NULL, runner_until = NULL, problem = $3,
         problem_since = CASE WHEN $3::text IS NULL THEN NULL ELSE coalesce(problem_since, now()) END,
         replayed_at = CASE WHEN $3::text IS NULL THEN now() ELSE replayed_at END
       WHERE id = $1 AND runner = $2`,
      [link.connection.id, runner, problem],
    ),
  );
}

async function readStream(context: SyncContext, link: Link, run: Run, signal: AbortSignal): Promise<void> {
  let batch: SourceEvent[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    const cursor = batch.findLast((event) => event.cursor !== undefined)?.cursor;
    const events = batch;
    batch = [];
    await takeEvents(context, link, events, {
      via: "replay",
      inSameTransaction: (client) => moved(client, link, run, cursor),
    });
  };
  try {
    for await (const event of link.connector.changesSince(run.cursor ?? undefined, signal)) {
      batch.push(event);
      if (batch.length >= BATCH) await flush();
    }
  } finally {
    // Half a stream is read as far as it came.
    await flush();
  }
}

async function moved(
  client: PoolClient,
  link: Link,
  { runner }: Run,
  cursor: string | undefined,
): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE sync_connections SET cursor = coalesce($3, cursor), runner_until = now() + make_interval(secs => $4)
     WHERE id = $1 AND runner = $2`,
    [link.connection.id, runner, cursor ?? null, RUN_SECONDS],
  );
  // Another process has taken over: its cursor counts.
  if (rowCount !== 1) throw new SourceUnavailable("another process reads this stream");
}

async function fullRead(context: SyncContext, link: Link, run: Run, signal: AbortSignal): Promise<void> {
  const { id } = link.connection;
  const began = await beginFullRead(context, link, run);
  if (began === undefined) return;
  let { page } = began;
  for (let pages = 0; pages < MAX_PAGES_AT_ONCE; pages += 1) {
    signal.throwIfAborted();
    const { clients, next } = await listed(context, link, page, signal);
    const known = await versions(
      context,
      link,
      clients.map(({ crmId }) => crmId),
    );
    const changed = clients.filter(({ crmId, version }) => known.get(crmId)?.version !== version);
    const events = changed.map(({ crmId, version }): SourceEvent => {
      const key = `full:${began.at.getTime()}:${known.get(crmId)?.subject}:${version}`;
      return { key, kind: "changed", crmId };
    });
    await takeEvents(context, link, events, {
      via: "full-read",
      inSameTransaction: async (client) => {
        await client.query(
          "UPDATE sync_clients SET seen_at = now() WHERE connection_id = $1 AND subject = ANY($2)",
          [id, [...known.values()].map(({ subject }) => subject)],
        );
        await client.query("UPDATE sync_connections SET full_read_page = $2 WHERE id = $1", [
          id,
          next ?? null,
        ]);
        await moved(client, link, run, undefined);
      },
    });
    page = next;
    if (next === undefined) return endFullRead(context, link, run, began.at);
  }
}

function beginFullRead(
  context: SyncContext,
  link: Link,
  run: Run,
): Promise<{ at: Date; page: string | undefined } | undefined> {
  return inTenant(context, link, async (client) => {
    const { rows } = await client.query<{ full_read_began_at: Date; full_read_page: string | null }>(
      `UPDATE sync_connections SET
         full_read_wanted = CASE WHEN full_read_began_at IS NULL THEN false ELSE full_read_wanted END,
         full_read_began_at = coalesce(full_read_began_at, now())
       WHERE id = $1 AND runner = $2 AND (full_read_wanted OR full_read_began_at IS NOT NULL
         OR full_read_at < now() - make_interval(secs => $3))
       RETURNING full_read_began_at, full_read_page`,
      [link.connection.id, run.runner, context.limits.fullReadSeconds],
    );
    const [row] = rows;
    return row && { at: row.full_read_began_at, page: row.full_read_page ?? undefined };
  });
}

/** A place in a list that the source no longer knows (query locators end after two days) leads back to its beginning. */
async function listed(context: SyncContext, link: Link, page: string | undefined, signal: AbortSignal) {
  try {
    return await link.connector.listClients(page, signal);
  } catch (error) {
    if (!(error instanceof SourceRefused) || page === undefined) throw error;
    await inTenant(context, link, (client) =>
      client.query("UPDATE sync_connections SET full_read_page = NULL WHERE id = $1", [link.connection.id]),
    );
    return link.connector.listClients(undefined, signal);
  }
}

async function versions(context: SyncContext, link: Link, crmIds: readonly string[]) {
  const { connection } = link;
  const subjects = new Map<string, string>();
  for (const crmId of crmIds)
    subjects.set(crmId, await context.vault.pseudonym(connection.tenant, subjectIdOf(connection.crm, crmId)));
  const rows = await inTenant(context, link, async (client) => {
    const sql = "SELECT subject, version FROM sync_clients WHERE connection_id = $1 AND subject = ANY($2)";
    return (
      await client.query<{ subject: string; version: string | null }>(sql, [
        connection.id,
        [...subjects.values()],
      ])
    ).rows;
  });
  const bySubject = new Map(rows.map(({ subject, version }) => [subject, version]));
  return new Map(
    [...subjects].map(([crmId, subject]) => [crmId, { subject, version: bySubject.get(subject) }]),
  );
}

/** Who is known here and was on no page has been deleted there, perhaps: each is asked for by itself. */
function endFullRead(context: SyncContext, link: Link, { runner }: Run, at: Date): Promise<void> {
  const { connection } = link;
  return inTenant(context, link, async (client) => {
    const { rowCount } = await client.query(
      `UPDATE sync_clients SET wanted = wanted + 1, next_attempt_at = now(), status = CASE status WHEN 'conflict' THEN status ELSE 'stale' END
       WHERE connection_id = $1 AND NOT is_gone AND (seen_at IS NULL OR seen_at < $2) AND wanted = done`,
      [connection.id, at],
    );
    await client.query(
      `UPDATE sync_connections SET full_read_began_at = NULL, full_read_page = NULL, full_read_at = now() WHERE id = $1 AND runner = $2`,
      [connection.id, runner],
    );
    const record = connectionRecord(link, { direction: "in", step: "all read", missing: rowCount ?? 0 });
    await context.audit.append(client, connection.tenant, actorOf(link), [record]);
    context.wake();
  });
}
