// Which tenants are active: noted in the database, at most once an hour for each by each process.
// Tests: test/http/cache-operations.test.ts
import type { RequestHandler } from "express";
import type { Pool } from "pg";

export const ACTIVE_DAYS = 7;
const NOTED_FOR_MS = 3_600_000;

/** Goes behind the identity. No request waits for the note, or fails with it. */
export function noteActivity(pool: Pool): RequestHandler {
  const notedAtMs = new Map<string, number>();
  return (req, _res, next) => {
    const tenantId = req.auth?.tenantId;
    const nowMs = performance.now();
    if (
      tenantId !== undefined &&
      nowMs - (notedAtMs.get(tenantId) ?? Number.NEGATIVE_INFINITY) >= NOTED_FOR_MS
    ) {
      notedAtMs.set(tenantId, nowMs);
      // As the owner of the table: requests may not write to it.
      pool
        .query("UPDATE tenants SET last_active_at = now() WHERE id = $1", [tenantId])
        .catch(() => notedAtMs.delete(tenantId));
    }
    next();
  };
}

/** Those that somebody asked for something of in the last seven days. */
export async function activeTenantIds(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    "SELECT id FROM tenants WHERE suspended_at IS NULL AND last_active_at > now() - make_interval(days => $1) ORDER BY id",
    [ACTIVE_DAYS],
  );
  return rows.map(({ id }) => id);
}
