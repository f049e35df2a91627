// The table subject_keys: rows are made once, read in one round trip, and end with an erasure.
// Tests: test/integration/subject-vault.test.ts
import { randomUUID } from "node:crypto";
import type { Pool, PoolClient, QueryResult } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { KeyProvider, WrappedKey } from "./key-provider.js";

export interface KeyRow {
  readonly keyId: string;
  readonly wrapped: WrappedKey;
}

/** The subject's data key has been destroyed, or is being destroyed. It gets no other. */
export class SubjectErased extends Error {
  override readonly name = "SubjectErased";

  constructor() {
    super("a subject has been erased");
  }
}

/** The pseudonym of the row that holds the tenant's own key. */
export const TENANT_ITSELF = "";

/**
 * Of vaults, which serve whoever has come so far: whether a tenant is suspended is their callers' question.
 */
export const ANY_TENANT = { anyTenant: true } as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Row {
  readonly key_id: string;
  readonly wrapped: Buffer;
  readonly wrap_version: string;
}

/**
 * Those of the keys that may be used, in one round trip: no erasure that had begun before the call is missed.
 * Statements that go together as one text are one transaction, without a BEGIN that an error could leave
 * open.
 */
export async function liveKeyRows(
  pool: Pool,
  tenantId: string,
  keyIds: readonly string[],
): Promise<Map<string, KeyRow>> {
  // They are written into the text, which takes no parameters.
  const ids = keyIds.filter((id) => UUID.test(id));
  if (!UUID.test(tenantId) || ids.length === 0) return new Map();
  const results: unknown = await pool.query(
    `SET LOCAL ROLE crm_app; SELECT set_config('app.tenant_id', '${tenantId}', true);
     SELECT key_id, wrapped, wrap_version FROM subject_keys
     WHERE tenant_id = '${tenantId}' AND erasing_at IS NULL AND key_id IN (${ids.map((id) => `'${id}'`).join()})`,
  );
  const { rows } = (results as QueryResult<Row>[]).at(-1) ?? { rows: [] };
  return new Map(
    rows.map((row) => [
      row.key_id,
      { keyId: row.key_id, wrapped: { version: row.wrap_version, bytes: row.wrapped } },
    ]),
  );
}

/**
 * The key ids of pseudonyms that have a key.
 * @throws SubjectErased where one has been erased, or is being erased
 */
export async function keyIdsByPseudonym(
  pool: Pool,
  tenantId: string,
  pseudonyms: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await withTenant(
    pool,
    tenantId,
    (client) =>
      client.query<{ pseudonym: string; key_id: string | null }>(
        `SELECT pseudonym, key_id FROM subject_keys
         WHERE tenant_id = $1 AND pseudonym = ANY ($2) AND erasing_at IS NULL
         UNION ALL SELECT pseudonym, NULL FROM subject_erasures WHERE tenant_id = $1 AND pseudonym = ANY ($2)`,
        [tenantId, pseudonyms],
      ),
    ANY_TENANT,
  );
  const keyIds = new Map<string, string>();
  for (const { pseudonym, key_id } of rows) {
    if (key_id === null) throw new SubjectErased();
    keyIds.set(pseudonym, key_id);
  }
  return keyIds;
}

/**
 * Makes the key of a pseudonym that had none, or finds the one that another process has made in the meantime.
 * @throws SubjectErased where the subject has been erased
 */
export async function makeKey(
  pool: Pool,
  provider: KeyProvider,
  tenantId: string,
  pseudonym: string,
): Promise<string> {
  const keyId = randomUUID();
  const ref = { tenantId, keyId };
  const { dataKey, wrapped } = await provider.generate(ref);
  dataKey.fill(0);
  let kept: string | undefined;
  try {
    kept = await withTenant(
      pool,
      tenantId,
      async (client) => {
        await holdSubject(client, tenantId, pseudonym);
        const { rows } = await client.query<{ key_id: string; erased: boolean }>(
          `WITH made AS (
             INSERT INTO subject_keys (tenant_id, key_id, pseudonym, wrapped, wrap_version)
             SELECT $1, $2, $3, $4, $5
             WHERE NOT EXISTS (SELECT FROM subject_erasures WHERE tenant_id = $1 AND pseudonym = $3)
             ON CONFLICT ON CONSTRAINT subject_keys_one_each DO NOTHING
             RETURNING key_id
           )
           SELECT key_id FROM made UNION ALL
           SELECT key_id FROM subject_keys WHERE tenant_id = $1 AND pseudonym = $3 AND erasing_at IS NULL`,
          [tenantId, keyId, pseudonym, wrapped.bytes, wrapped.version],
        );
        return rows[0]?.key_id;
      },
      ANY_TENANT,
    );
  } finally {
    // Where COMMIT failed it may have been kept all the same: then its secret is needed, and else it is
    // harmless.
    if (kept !== undefined && kept !== keyId) await provider.destroy(ref);
  }
  if (kept === undefined) {
    await provider.destroy(ref);
    throw new SubjectErased();
  }
  return kept;
}

/** Until the transaction's end, nobody else makes or erases this subject's key. */
export async function holdSubject(client: PoolClient, tenantId: string, pseudonym: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 31))", [`${tenantId}:${pseudonym}`]);
}
