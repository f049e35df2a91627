// Rotation of the wrapping key: data keys are wrapped again, and what they have sealed stays as it is.
// Tests: test/integration/key-rotation.test.ts
import type { Pool } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import { KeyDestroyed, type KeyProvider } from "./key-provider.js";
import { ANY_TENANT } from "./subject-key-rows.js";

export interface Rotation {
  readonly rewrapped: number;
  /**
   * Still under an older version: its wrapping key is not configured, or the provider is away. The next run
   * tries again.
   */
  readonly failed: number;
  /** Why, of the first that failed. */
  readonly problem?: string;
}

const ROWS_AT_A_TIME = 100;

interface Row {
  readonly key_id: string;
  readonly wrapped: Buffer;
  readonly wrap_version: string;
}

/**
 * Re-wraps under the provider's current version all keys that another one has wrapped. A row says itself
 * whether it is done, so a run that is ended goes on with the next one, and several at a time do no harm.
 * Nobody waits for it: both wraps open.
 */
export async function rewrapKeys(pool: Pool, provider: KeyProvider, signal?: AbortSignal): Promise<Rotation> {
  const { rows } = await pool.query<{ tenant_id: string }>(
    "SELECT DISTINCT tenant_id FROM subject_keys WHERE wrap_version <> $1 AND erasing_at IS NULL",
    [provider.currentVersion],
  );
  let [rewrapped, failed] = [0, 0];
  let problem: string | undefined;
  for (const { tenant_id: tenantId } of rows) {
    for (let after: string | undefined = ""; after !== undefined && !signal?.aborted; ) {
      const batch: readonly Row[] = await oldRows(pool, provider, tenantId, after);
      for (const row of batch) {
        try {
          if (await rewrapRow(pool, provider, tenantId, row)) rewrapped += 1;
        } catch (error) {
          // Of a subject that has been erased, in a database that was restored: there is nothing to wrap.
          if (error instanceof KeyDestroyed) continue;
          failed += 1;
          problem ??= error instanceof Error ? error.message : String(error);
        }
      }
      after = batch.length === ROWS_AT_A_TIME ? batch.at(-1)?.key_id : undefined;
    }
  }
  return { rewrapped, failed, ...(problem !== undefined && { problem }) };
}

async function oldRows(pool: Pool, provider: KeyProvider, tenantId: string, after: string): Promise<Row[]> {
  const { rows } = await withTenant(
    pool,
    tenantId,
    (client) =>
      client.query<Row>(
        `SELECT key_id, wrapped, wrap_version FROM subject_keys
         WHERE tenant_id = $1 AND wrap_version <> $2 AND erasing_at IS NULL AND key_id::text > $3
         ORDER BY key_id::text LIMIT $4`,
        [tenantId, provider.currentVersion, after, ROWS_AT_A_TIME],
      ),
    ANY_TENANT,
  );
  return rows;
}

/** Compare and set: an erasure, or another process, may have been here. */
async function rewrapRow(pool: Pool, provider: KeyProvider, tenantId: string, row: Row): Promise<boolean> {
  const { key_id: keyId, wrapped: bytes, wrap_version: version } = row;
  const wrapped = await provider.rewrap({ tenantId, keyId }, { version, bytes });
  const { rowCount } = await withTenant(
    pool,
    tenantId,
    (client) =>
      client.query(
        `UPDATE subject_keys SET wrapped = $3, wrap_version = $4
         WHERE tenant_id = $1 AND key_id = $2 AND wrap_version = $5 AND erasing_at IS NULL`,
        [tenantId, keyId, wrapped.bytes, wrapped.version, version],
      ),
    ANY_TENANT,
  );
  return rowCount === 1;
}
