// What synchronisation needs of the parts it stands on.
import type { PoolClient } from "pg";

export interface Actor {
  readonly id: string;
  readonly role: string;
  readonly requestId?: string;
}

export interface SyncAuditEvent {
  readonly action: "create" | "read" | "update" | "delete" | "sync" | "erase";
  readonly entityType: string;
  readonly entityId: string;
  readonly subjectId?: string;
  readonly dataClass: "phi" | "personal" | "business";
  readonly outcome?: "success" | "refused" | "failure";
  readonly source?: "cache" | "store" | "source";
  readonly detail?: Record<string, string | number | boolean>;
}

export interface SyncAudit {
  append(client: PoolClient, tenantId: string, actor: Actor, events: readonly SyncAuditEvent[]): Promise<void>;
  record(tenantId: string, actor: Actor, events: readonly SyncAuditEvent[]): Promise<void>;
}

export interface SyncVault {
  seal(tenantId: string, subjectIds: readonly string[], context: string, value: unknown): Promise<Buffer>;
  open(tenantId: string, context: string, sealed: Buffer): Promise<unknown | undefined>;
  pseudonym(tenantId: string, subjectId: string): Promise<string>;
  erase(tenantId: string, subjectId: string, reason: string, actor: Actor): Promise<unknown>;
}
