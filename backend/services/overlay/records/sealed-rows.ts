// The queries of a table of sealed records. Each runs inside a tenant's transaction.
// Tests: test/integration/overlay-records.test.ts
import type { PoolClient } from "pg";
import { Parameters } from "../../../modules/list-sql.js";
import type { CachedRow, RowMeta } from "../row-bytes.js";
import type { Place } from "./record-page.js";

/** What is readable of a record. */
export interface RecordMeta extends RowMeta {
  readonly id: string;
  /** Pseudonym. */
  readonly client: string;
  readonly agent_id: string;
  readonly status: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export type RecordRow = CachedRow<RecordMeta>;

export interface NewRow {
  readonly id: string;
  readonly client: string;
  readonly subjects: readonly string[];
  readonly agentId: string;
  readonly status: string;
  readonly sealed: Buffer;
}

/** What a list is narrowed down to. */
export interface RowFilter {
  readonly client?: string | undefined;
  readonly status?: string | undefined;
  /** Whose work alone, or that of clients of theirs. */
  readonly agentId?: string | undefined;
  readonly after?: Place | undefined;
}

interface Row {
  readonly id: string;
  readonly client: string;
  readonly agent_id: string;
  readonly status: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly expires_at: Date;
  readonly sealed: Buffer;
}

const META = "id, client, agent_id, status, created_at, updated_at, expires_at";

export type RecordTable = "overlay_communications" | "overlay_tasks" | "overlay_documents";

export class SealedRows {
  readonly table: RecordTable;

  /** @param table one of migration 0032; it is written into statements */
  constructor(table: RecordTable) {
    this.table = table;
  }

  /** Those that are there and not over, in no order. */
  async find(client: PoolClient, tenantId: string, ids: readonly string[]): Promise<RecordRow[]> {
    const { rows } = await client.query<Row>(
      `SELECT ${META}, sealed FROM ${this.table} WHERE tenant_id = $1 AND id = ANY($2) AND expires_at > now()`,
      [tenantId, ids],
    );
    return rows.map(toRow);
  }

  /** As {@link find}; nobody else changes them until the transaction ends. Always in the order of their ids, so that no two wait for each other. */
  async lock(
    client: PoolClient,
    tenantId: string,
    ids: readonly string[],
  ): Promise<Map<string, Pick<RecordMeta, "client" | "agent_id">>> {
    const { rows } = await client.query<Row>(
      `SELECT id, client, agent_id FROM ${this.table}
       WHERE tenant_id = $1 AND id = ANY($2) AND expires_at > now() ORDER BY id FOR UPDATE`,
      [tenantId, ids],
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** @returns `undefined` where somebody has made a record of another client with this id in between */
  async write(
    client: PoolClient,
    tenantId: string,
    row: NewRow,
    ttlSeconds: number,
  ): Promise<RecordMeta | undefined> {
    const { rows } = await client.query<Row>(
      `INSERT INTO ${this.table} AS t (tenant_id, id, client, subjects, agent_id, status, sealed, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))
       ON CONFLICT (tenant_id, id) DO UPDATE SET
         client = excluded.client, subjects = excluded.subjects, agent_id = excluded.agent_id, status = excluded.status,
         sealed = excluded.sealed, expires_at = excluded.expires_at, updated_at = now(),
         created_at = CASE WHEN t.expires_at > now() THEN t.created_at ELSE now() END
       WHERE t.client = excluded.client OR t.expires_at <= now()
       RETURNING ${META}`,
      [tenantId, row.id, row.client, row.subjects, row.agentId, row.status, row.sealed, ttlSeconds],
    );
    return rows[0] && toMeta(rows[0]);
  }

  async delete(client: PoolClient, tenantId: string, id: string): Promise<void> {
    await client.query(`DELETE FROM ${this.table} WHERE tenant_id = $1 AND id = $2`, [tenantId, id]);
  }

  /** What a list is made of, the newest first. */
  async page(client: PoolClient, tenantId: string, filter: RowFilter, limit: number): Promise<RecordMeta[]> {
    const { bind, values } = new Parameters();
    const conditions = [`t.tenant_id = ${bind(tenantId)}`, "t.expires_at > now()"];
    if (filter.client !== undefined) conditions.push(`t.client = ${bind(filter.client)}`);
    if (filter.status !== undefined) conditions.push(`t.status = ${bind(filter.status)}`);
    if (filter.agentId !== undefined) {
      const agent = bind(filter.agentId);
      conditions.push(
        `(t.agent_id = ${agent} OR EXISTS (SELECT FROM overlay_clients c
          WHERE c.tenant_id = t.tenant_id AND c.client = t.client AND c.agent_id = ${agent}))`,
      );
    }
    if (filter.after)
      conditions.push(
        `(t.created_at, t.id) < (${bind(filter.after.at)}::timestamptz, ${bind(filter.after.id)})`,
      );
    const { rows } = await client.query<Row>(
      `SELECT ${META.split(", ")
        .map((column) => `t.${column}`)
        .join(", ")} FROM ${this.table} t
       WHERE ${conditions.join(" AND ")} ORDER BY t.created_at DESC, t.id DESC LIMIT ${bind(limit)}`,
      values,
    );
    return rows.map(toMeta);
  }

  /** Removes at most so many that are over. */
  async deleteExpired(client: PoolClient, tenantId: string, limit: number): Promise<number> {
    const { rowCount } = await client.query(
      `DELETE FROM ${this.table} WHERE tenant_id = $1 AND id IN (
         SELECT id FROM ${this.table} WHERE tenant_id = $1 AND expires_at <= now() LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [tenantId, limit],
    );
    return rowCount ?? 0;
  }

  /** How many show this subject, and until when. */
  async countOf(
    client: PoolClient,
    tenantId: string,
    subject: string,
  ): Promise<{ readonly count: number; readonly until: Date | null }> {
    const { rows } = await client.query<{ count: number; until: Date | null }>(
      `SELECT count(*)::int AS count, max(expires_at) AS until FROM ${this.table}
       WHERE tenant_id = $1 AND subjects @> ARRAY[$2::text]`,
      [tenantId, subject],
    );
    return rows[0] ?? { count: 0, until: null };
  }

  async ofSubject(
    client: PoolClient,
    tenantId: string,
    subject: string,
    limit: number,
  ): Promise<RecordRow[]> {
    const { rows } = await client.query<Row>(
      `SELECT ${META}, sealed FROM ${this.table}
       WHERE tenant_id = $1 AND subjects @> ARRAY[$2::text] AND expires_at > now() ORDER BY created_at, id LIMIT $3`,
      [tenantId, subject, limit],
    );
    return rows.map(toRow);
  }

  async deleteOfSubject(
    client: PoolClient,
    tenantId: string,
    subject: string,
  ): Promise<{ readonly id: string; readonly client: string }[]> {
    const { rows } = await client.query<{ id: string; client: string }>(
      `DELETE FROM ${this.table} WHERE tenant_id = $1 AND subjects @> ARRAY[$2::text] RETURNING id, client`,
      [tenantId, subject],
    );
    return rows;
  }

  async figures(
    client: PoolClient,
    tenantId: string,
  ): Promise<{ rows: number; bytes: number; over: number }> {
    const { rows } = await client.query<{ rows: number; bytes: string; over: number }>(
      `SELECT count(*)::int AS rows, coalesce(sum(octet_length(sealed)), 0) AS bytes,
         (count(*) FILTER (WHERE expires_at <= now()))::int AS over FROM ${this.table} WHERE tenant_id = $1`,
      [tenantId],
    );
    const [{ rows: count = 0, bytes = "0", over = 0 } = {}] = rows;
    return { rows: count, bytes: Number(bytes), over };
  }
}

function toMeta({ created_at, updated_at, expires_at, ...row }: Row): RecordMeta {
  const { id, client, agent_id, status } = row;
  return {
    id,
    client,
    agent_id,
    status,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
    expires_at: expires_at.toISOString(),
  };
}

const toRow = (row: Row): RecordRow => ({ meta: toMeta(row), sealed: row.sealed });
