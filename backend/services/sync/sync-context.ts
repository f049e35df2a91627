// What all parts of synchronisation share: connections with their connectors, the database, the vault, the trail, who hears of changes.
// Tests: test/integration/sync-inbound.test.ts
import type { Pool, PoolClient } from "pg";
import type { Logger } from "pino";
import type { CrmConnection } from "../../config/crm-connections.js";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Actor, AuditEvent } from "../audit/audit-event.js";
import type { AuditTrail } from "../audit/audit-trail.js";
import type { SubjectVault } from "../subjects/subject-vault.js";
import type { Connector } from "./connector.js";

export type SyncStatus = "fresh" | "syncing" | "stale" | "conflict" | "failed";

export interface Link {
  readonly connection: CrmConnection;
  readonly connector: Connector;
}

/**
 * Told how copies elsewhere stand: `stale` before this side shows what is new, so that who dies in between has told of it. Twice is no harm.
 * A rejection keeps what it is about from being done.
 */
export type ClientChanged = (
  tenantId: string,
  crmSystem: string,
  crmId: string,
  status: SyncStatus,
  reason?: string,
) => Promise<void>;

export interface SyncLimits {
  /** Events of a connection that wait; above, all clients are read instead. Default 100,000. */
  readonly maxWaitingEvents: number;
  /** Changes of a connection that wait to go out; above, changes are refused. Default 10,000. */
  readonly maxWaitingChanges: number;
  /** Attempts at one client or change before it is a dead letter. Default 10. */
  readonly maxAttempts: number;
  /** How long a copy of a client is kept after it was read. Default 6 h. */
  readonly copySeconds: number;
  /** After how long without a look at the source's stream a client counts as stale. Default 300 s. */
  readonly staleAfterSeconds: number;
  /** How often all clients are read, whatever events say. Default 24 h. */
  readonly fullReadSeconds: number;
}

export const DEFAULT_LIMITS: SyncLimits = {
  maxWaitingEvents: 100_000,
  maxWaitingChanges: 10_000,
  maxAttempts: 10,
  copySeconds: 21_600,
  staleAfterSeconds: 300,
  fullReadSeconds: 86_400,
};

export interface SyncContext {
  readonly pool: Pool;
  readonly vault: SubjectVault;
  readonly audit: Pick<AuditTrail, "append" | "record">;
  readonly logger: Logger;
  readonly limits: SyncLimits;
  readonly clientChanged: ClientChanged;
  /** Work has come that need not wait for the next round. */
  wake(): void;
}

/** `subjectId` of a client: the person that all its data is about. */
export const subjectIdOf = (crmSystem: string, crmId: string) => `${crmSystem}:${crmId}`;

/** Contexts of what is sealed, so that no value can be taken for another. */
export const SEALED = {
  crmId: "sync:crm-id",
  copy: "sync:copy",
  change: "sync:change",
  theirs: "sync:theirs",
};

export const actorOf = ({ connection }: Pick<Link, "connection">): Actor => ({
  id: `connector:${connection.crm}`,
  role: "connector",
});

export function inTenant<T>(
  { pool }: Pick<SyncContext, "pool">,
  { connection }: Link,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return withTenant(pool, connection.tenant, work);
}

/** The connection's row, which all others hang on: whoever comes first makes it. */
export async function ensureConnection(
  client: PoolClient,
  { connection }: Pick<Link, "connection">,
): Promise<void> {
  await client.query(
    "INSERT INTO sync_connections (tenant_id, id, crm_system) VALUES (current_tenant_id(), $1, $2) ON CONFLICT DO NOTHING",
    [connection.id, connection.crm],
  );
}

/** The record of one step with one client. No personal data. */
export function clientRecord(
  link: Link,
  crmId: string,
  detail: Record<string, string | number | boolean>,
  outcome: "success" | "failure" = "success",
): AuditEvent {
  const subjectId = subjectIdOf(link.connection.crm, crmId);
  return {
    action: "sync",
    entityType: "crm_client",
    entityId: subjectId,
    subjectId,
    dataClass: "personal",
    outcome,
    source: "source",
    detail: { connection: link.connection.id, ...detail },
  };
}

/** The record of a step that is about no client. */
export function connectionRecord(
  { connection }: Pick<Link, "connection">,
  detail: Record<string, string | number | boolean>,
  outcome: "success" | "failure" = "success",
): AuditEvent {
  return {
    action: "sync",
    entityType: "sync_connection",
    entityId: connection.id,
    dataClass: "business",
    outcome,
    detail,
  };
}

/** Doubled with each attempt, with some chance in it: 1 s at first, a minute at most. */
export function backoffMs(attempts: number): number {
  return Math.min(60_000, 1000 * 2 ** Math.min(attempts, 6)) * (0.75 + Math.random() / 2);
}
