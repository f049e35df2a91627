// Rows that are asked for one by one in the same moment, and read by one query: each fill of a list's records loads its own.
// Tests: test/integration/overlay-records.test.ts
import type { Pool } from "pg";
import { withTenant } from "../../../db/tenant-transaction.js";
import { rowBytes } from "../row-bytes.js";
import type { SealedRows } from "./sealed-rows.js";

export class RowBatch {
  readonly #pool: Pool;
  readonly #rows: SealedRows;
  readonly #gathering = new Map<string, { ids: Set<string>; read: Promise<Map<string, Buffer>> }>();

  constructor(pool: Pool, rows: SealedRows) {
    this.#pool = pool;
    this.#rows = rows;
  }

  /** The row as the cache keeps it; `null` where there is none, or it is over. The query begins after this call. */
  async load(tenantId: string, id: string): Promise<Buffer | null> {
    let batch = this.#gathering.get(tenantId);
    if (!batch) {
      const ids = new Set<string>();
      batch = { ids, read: this.#read(tenantId, ids) };
      this.#gathering.set(tenantId, batch);
    }
    batch.ids.add(id);
    return (await batch.read).get(id) ?? null;
  }

  async #read(tenantId: string, ids: Set<string>): Promise<Map<string, Buffer>> {
    await new Promise(setImmediate);
    this.#gathering.delete(tenantId);
    const found = await withTenant(
      this.#pool,
      tenantId,
      (client) => this.#rows.find(client, tenantId, [...ids]),
      { readOnly: true },
    );
    return new Map(found.map((row) => [row.meta.id, rowBytes(row)]));
  }
}
