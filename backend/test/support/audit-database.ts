// A migrated database with an audit trail over it, and what tests do to it.
import type { Pool } from "pg";
import { migrate } from "../../db/migrate.js";
import { createMigratedDatabase } from "../../servers/index.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { OTHER_TENANT, pseudonym, TENANT } from "./audit-events.js";
import { PATIENT_TRAIL, patientPool } from "./patient.js";

export * from "./audit-events.js";

export interface AuditDatabase {
  readonly url: string;
  /** As the tables' owner, a superuser. */
  readonly pool: Pool;
  readonly trail: AuditTrail;
  close(): Promise<void>;
}

/** @param url Of a server that is there; default: a database of the test's own. */
export async function startAuditDatabase(url?: string): Promise<AuditDatabase> {
  const database = url === undefined ? await createMigratedDatabase() : { url, drop: async () => undefined };
  if (url !== undefined) await migrate(url, () => undefined);
  const pool = patientPool(database.url);
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'A'), ($2, 'B') ON CONFLICT DO NOTHING", [
    TENANT,
    OTHER_TENANT,
  ]);
  return {
    url: database.url,
    pool,
    trail: new AuditTrail({ ...PATIENT_TRAIL, pool, pseudonym }),
    close: async () => {
      await pool.end();
      await database.drop();
    },
  };
}
