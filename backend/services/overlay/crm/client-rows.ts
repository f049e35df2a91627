// The table of clients: whose they are, how their copy stands, and the sealed copy. Each query runs inside a tenant's transaction.
// Tests: test/integration/overlay-clients.test.ts
import type { PoolClient } from "pg";
import type { CachedRow, RowMeta } from "../row-bytes.js";

export const SYNC_STATUSES = ["fresh", "syncing", "stale", "conflict", "failed"] as const;
export type SyncStatus = (typeof SYNC_STATUSES)[number];

export interface SyncState {
  readonly sync_status: SyncStatus;
  /** Why, where it is not fresh; no personal data. */
  readonly sync_reason: string | null;
  /** Of the source; opaque. */
  readonly source_version: string | null;
  readonly source_modified_at: string | null;
}

/** What is readable of a client. */
export interface ClientMeta extends RowMeta, SyncState {
  /** Pseudonym. */
  readonly client: string;
  readonly agent_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Without a copy where it is over, or there never was one. */
export interface ClientRow extends Omit<CachedRow<ClientMeta>, "sealed"> {
  readonly sealed: Buffer | undefined;
  /** Another one after each change of the row. */
  readonly revision: string;
}

export interface NewClient {
  readonly client: string;
  readonly crmSystem: string;
  readonly agentId: string;
  readonly syncStatus: SyncStatus;
  readonly syncReason: string | null;
  readonly sourceVersion: string | null;
  readonly sourceModifiedAt: Date | null;
  readonly sealed: Buffer;
}

interface Row {
  readonly client: string;
  readonly agent_id: string;
  readonly sync_status: SyncStatus;
  readonly sync_reason: string | null;
  readonly source_version: string | null;
  readonly source_modified_at: Date | null;
  readonly sealed: Buffer | null;
  readonly expires_at: Date;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly is_over: boolean;
  readonly revision: string;
}

const COLUMNS = `client, agent_id, sync_status, sync_reason, source_version, source_modified_at, sealed, expires_at, created_at,
  updated_at, expires_at <= now() AS is_over, xmin::text AS revision`;

/** Whose the clients are; those that nobody knows have no entry. */
export async function ownersOf(
  client: PoolClient,
  tenantId: string,
  clients: readonly string[],
): Promise<Map<string, string>> {
  if (clients.length === 0) return new Map();
  const { rows } = await client.query<{ client: string; agent_id: string }>(
    "SELECT client, agent_id FROM overlay_clients WHERE tenant_id = $1 AND client = ANY($2) AND kept_until > now()",
    [tenantId, clients],
  );
  return new Map(rows.map((row) => [row.client, row.agent_id]));
}

export async function findClients(
  client: PoolClient,
  tenantId: string,
  clients: readonly string[],
  lock = false,
): Promise<Map<string, ClientRow>> {
  const { rows } = await client.query<Row>(
    `SELECT ${COLUMNS} FROM overlay_clients WHERE tenant_id = $1 AND client = ANY($2) AND kept_until > now()
     ORDER BY client ${lock ? "FOR UPDATE" : ""}`,
    [tenantId, clients],
  );
  return new Map(rows.map((row) => [row.client, toClient(row)]));
}

/**
 * @param keptSeconds how long it is remembered whose client it is
 * @returns `undefined` where the row is of a later change of the source
 */
export async function writeClient(
  client: PoolClient,
  tenantId: string,
  row: NewClient,
  ttlSeconds: number,
  keptSeconds: number,
): Promise<ClientRow | undefined> {
  const { rows } = await client.query<Row>(
    `INSERT INTO overlay_clients AS c (tenant_id, client, crm_system, agent_id, sync_status, sync_reason, source_version,
       source_modified_at, sealed, expires_at, kept_until)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10), now() + make_interval(secs => $11))
     ON CONFLICT (tenant_id, client) DO UPDATE SET
       agent_id = excluded.agent_id, sync_status = excluded.sync_status, sync_reason = excluded.sync_reason,
       source_version = excluded.source_version, source_modified_at = excluded.source_modified_at, sealed = excluded.sealed,
       expires_at = excluded.expires_at, kept_until = excluded.kept_until, updated_at = now()
     WHERE c.source_modified_at IS NULL OR excluded.source_modified_at IS NULL OR c.expires_at <= now()
       OR excluded.source_modified_at >= c.source_modified_at
     RETURNING ${COLUMNS}`,
    [
      tenantId,
      row.client,
      row.crmSystem,
      row.agentId,
      row.syncStatus,
      row.syncReason,
      row.sourceVersion,
      row.sourceModifiedAt,
      row.sealed,
      ttlSeconds,
      keptSeconds,
    ],
  );
  return rows[0] && toClient(rows[0]);
}

export async function writeSyncStatus(
  client: PoolClient,
  tenantId: string,
  pseudonym: string,
  status: SyncStatus,
  reason: string | null,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE overlay_clients SET sync_status = $3, sync_reason = $4, updated_at = now()
     WHERE tenant_id = $1 AND client = $2 AND kept_until > now()`,
    [tenantId, pseudonym, status, reason],
  );
  return rowCount === 1;
}

/** Empties copies that are over, and removes rows that are kept for nothing any more. @returns how many of both */
export async function removeExpiredClients(
  client: PoolClient,
  tenantId: string,
  limit: number,
): Promise<number> {
  const emptied = await client.query(
    `UPDATE overlay_clients SET sealed = NULL WHERE tenant_id = $1 AND client IN (
       SELECT client FROM overlay_clients WHERE tenant_id = $1 AND sealed IS NOT NULL AND expires_at <= now()
       LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [tenantId, limit],
  );
  const removed = await client.query(
    `DELETE FROM overlay_clients WHERE tenant_id = $1 AND client IN (
       SELECT client FROM overlay_clients WHERE tenant_id = $1 AND kept_until <= now() LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [tenantId, limit],
  );
  return (emptied.rowCount ?? 0) + (removed.rowCount ?? 0);
}

export async function deleteClient(client: PoolClient, tenantId: string, pseudonym: string): Promise<void> {
  await client.query("DELETE FROM overlay_clients WHERE tenant_id = $1 AND client = $2", [
    tenantId,
    pseudonym,
  ]);
}

export async function clientFigures(client: PoolClient, tenantId: string) {
  const { rows } = await client.query<{ rows: number; bytes: string; over: number }>(
    `SELECT count(sealed)::int AS rows, coalesce(sum(octet_length(sealed)), 0) AS bytes,
       (count(*) FILTER (WHERE sealed IS NOT NULL AND expires_at <= now() OR kept_until <= now()))::int AS over
     FROM overlay_clients WHERE tenant_id = $1`,
    [tenantId],
  );
  const [{ rows: count = 0, bytes = "0", over = 0 } = {}] = rows;
  return { rows: count, bytes: Number(bytes), over };
}

function toClient(row: Row): ClientRow {
  const { client, agent_id, sync_status, sync_reason, source_version } = row;
  return {
    meta: {
      client,
      agent_id,
      sync_status,
      sync_reason,
      source_version,
      source_modified_at: row.source_modified_at?.toISOString() ?? null,
      created_at: row.created_at.toISOString(),
      updated_at: row.updated_at.toISOString(),
      expires_at: row.expires_at.toISOString(),
    },
    revision: row.revision,
    sealed: row.is_over ? undefined : (row.sealed ?? undefined),
  };
}
