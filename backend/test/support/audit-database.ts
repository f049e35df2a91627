// A migrated database with an audit trail over it, and what tests do to it.
import { createHmac } from "node:crypto";
import type { Pool } from "pg";
import { migrate } from "../../db/migrate.js";
import { createPool } from "../../db/pool.js";
import { createMigratedDatabase } from "../../servers/index.js";
import type { Actor, AuditEvent, Pseudonym } from "../../services/audit/audit-event.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";

export const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";
export const OTHER_TENANT = "bbbbbbbb-0000-4000-8000-000000000002";
export const ACTOR: Actor = { id: "11111111-0000-4000-8000-000000000009", role: "agent", requestId: "req-1" };

export const pseudonym: Pseudonym = async (tenantId, subjectId) =>
  createHmac("sha256", `key of ${tenantId}`).update(subjectId).digest("hex").slice(0, 32);

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
  const pool = createPool({ databaseUrl: database.url, onError: () => undefined });
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'A'), ($2, 'B') ON CONFLICT DO NOTHING", [
    TENANT,
    OTHER_TENANT,
  ]);
  return {
    url: database.url,
    pool,
    trail: new AuditTrail({ pool, pseudonym }),
    close: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

/** An event like no other. */
export function event(number: number, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    action: "read",
    entityType: "communication",
    entityId: `c-${number}`,
    subjectId: `salesforce:${number % 7}`,
    dataClass: "phi",
    purpose: "TREAT",
    source: "cache",
    ...more,
  };
}

export const events = (count: number, from = 0): AuditEvent[] =>
  Array.from({ length: count }, (_, index) => event(from + index));
