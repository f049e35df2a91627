// The newest records of a client, as the cache keeps them: ids and what lists go by, sealed under the client's key.
// Tests: test/integration/overlay-records.test.ts
import type { Collection } from "express-tenant-cache";
import { withTenant } from "../../../db/tenant-transaction.js";
import type { OverlayParts } from "../overlay-parts.js";
import { rowBytes, rowOf, secondsLeft } from "../row-bytes.js";
import type { BaseRecord, RecordKind } from "./record-kind.js";
import { isAfter, type Place } from "./record-page.js";
import type { RecordMeta, SealedRows } from "./sealed-rows.js";

/** Lists are bounded: what is older is read from the rows. */
export const LISTED_AT_MOST = 200;

export interface ListFilter {
  readonly status?: string | undefined;
  readonly after?: Place | undefined;
  /** What this agent wrote alone. */
  readonly agentId?: string | undefined;
}

export interface Listed {
  readonly metas: readonly RecordMeta[];
  readonly source: "cache" | "store";
}

export class ClientList {
  readonly #parts: OverlayParts;
  readonly #kind: RecordKind<BaseRecord>;
  readonly #rows: SealedRows;
  readonly #lists: Collection<Buffer | null, { clientId: string }>;

  constructor(parts: OverlayParts, kind: RecordKind<BaseRecord>, rows: SealedRows) {
    this.#parts = parts;
    this.#kind = kind;
    this.#rows = rows;
    this.#lists = parts.cache.manager.collection(kind.listKey, {
      ttlSeconds: (bytes: Buffer | null) => secondsLeft(bytes, kind.ttlSeconds),
    });
  }

  key(client: string): string {
    return this.#lists.key({ clientId: client });
  }

  /**
   * At most `limit` that pass the filter, the newest first.
   * @param client the pseudonym of `clientId`
   */
  async read(
    tenantId: string,
    clientId: string,
    client: string,
    filter: ListFilter,
    limit: number,
  ): Promise<Listed> {
    const looked = await this.#lists.lookUp(tenantId, { clientId: client }, () =>
      this.#load(tenantId, clientId, client),
    );
    const source = looked.ageSeconds === undefined ? "store" : "cache";
    const row = rowOf(looked.value);
    const opened = row && (await this.#parts.vault.open(tenantId, this.#context(client), row.sealed));
    if (Array.isArray(opened)) {
      const metas = opened as RecordMeta[];
      const nowIso = new Date().toISOString();
      const found = metas.filter(
        (meta) =>
          meta.expires_at > nowIso &&
          (filter.status === undefined || meta.status === filter.status) &&
          (filter.agentId === undefined || meta.agent_id === filter.agentId) &&
          (!filter.after || isAfter({ at: meta.created_at, id: meta.id }, filter.after)),
      );
      if (metas.length < LISTED_AT_MOST || found.length >= limit)
        return { metas: found.slice(0, limit), source };
    }
    const metas = await withTenant(
      this.#parts.pool,
      tenantId,
      (connection) => this.#rows.page(connection, tenantId, { client, ...filter }, limit),
      { readOnly: true },
    );
    return { metas, source: "store" };
  }

  async #load(tenantId: string, clientId: string, client: string): Promise<Buffer | null> {
    const metas = await withTenant(
      this.#parts.pool,
      tenantId,
      (connection) => this.#rows.page(connection, tenantId, { client }, LISTED_AT_MOST),
      { readOnly: true },
    );
    // Nobody gets a key for having been asked for.
    if (metas.length === 0) return null;
    const sealed = await this.#parts.vault.seal(tenantId, [clientId], this.#context(client), metas);
    const expiresAt = new Date(Date.now() + this.#kind.ttlSeconds * 1000).toISOString();
    return rowBytes({ meta: { expires_at: expiresAt }, sealed });
  }

  readonly #context = (client: string) => `overlay:${this.#kind.entityType}:of:${client}`;
}
