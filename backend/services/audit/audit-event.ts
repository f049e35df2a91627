// What the audit trail is told, and what readers of it see.
// Tests: test/unit/canonical-record.test.ts

/** Policies of the trail and retention go by it. */
export const DATA_CLASSES = ["phi", "personal", "business"] as const;
export type DataClass = (typeof DATA_CLASSES)[number];

export type Outcome = "success" | "refused" | "failure";

/** Purposes of use, from HL7's PurposeOfUse. */
export const PURPOSES = ["TREAT", "HPAYMT", "HOPERAT", "CAREMGT", "HMARKT", "PATRQT", "ETREAT"] as const;
export type Purpose = (typeof PURPOSES)[number];

export const AUDIT_ACTIONS = [
  "create",
  "read",
  "update",
  "delete",
  "search",
  "export",
  "erase",
  "consent",
  "sync",
  "generate",
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Who does it. */
export interface Actor {
  /** A user's UUID, `"system"`, `"connector:hubspot"`. */
  readonly id: string;
  readonly role: string;
  readonly requestId?: string;
}

/** The consent that an access was asked against. */
export interface ConsentReference {
  readonly id: string;
  readonly version: number;
}

export interface AuditEvent {
  readonly action: AuditAction;
  /** `"crm_client"`, `"communication"`, `"task"`, `"document"`, … */
  readonly entityType: string;
  /** Stored as a pseudonym where it is the subject's own id. */
  readonly entityId: string;
  /** Stored as its pseudonym. */
  readonly subjectId?: string;
  /** In its place where the pseudonym alone is known. */
  readonly subjectPseudonym?: string;
  readonly dataClass: DataClass;
  readonly purpose?: Purpose;
  readonly consent?: ConsentReference;
  /** Default `"success"`. */
  readonly outcome?: Outcome;
  /** What a read was answered from: a hit is recorded like a miss. */
  readonly source?: "cache" | "store" | "source";
  /** No personal data. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** The content of a record, as it is hashed. */
export interface AuditRecord {
  readonly v: 1;
  /** A UUID of the record's own: no two records have the same bytes. */
  readonly id: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string;
  readonly tenant: string;
  readonly actor: { readonly id: string; readonly role: string };
  readonly request?: string;
  readonly action: AuditAction;
  readonly entityType: string;
  readonly entityId: string;
  readonly subject?: string;
  readonly dataClass: DataClass;
  readonly purpose?: Purpose;
  readonly consent?: ConsentReference;
  readonly outcome: Outcome;
  readonly source?: "cache" | "store" | "source";
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** A record with its place in the tree. */
export interface AuditLog extends AuditRecord {
  /** Absent while it waits for its place. */
  readonly index?: number;
}

/** HMAC-SHA-256 of a subject's id under a key of the tenant, 32 hex digits. */
export type Pseudonym = (tenantId: string, subjectId: string) => Promise<string>;
