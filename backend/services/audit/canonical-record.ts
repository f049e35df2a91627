// Canonical records (RFC 8785): the bytes that are stored, hashed and exported.
// Tests: test/unit/canonical-record.test.ts
import { createHash, randomUUID } from "node:crypto";
import canonicalize from "canonicalize";
import type { Actor, AuditEvent, AuditRecord, Pseudonym } from "./audit-event.js";

/** Longer texts are stored as their hash. */
export const MAX_TEXT_CHARACTERS = 256;
const MAX_DETAILS = 32;

export interface RecordDependencies {
  readonly pseudonym: Pseudonym;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
}

/**
 * The canonical records of events. Whatever the texts hold, there is a record: PostgreSQL and JSON take no NUL and no lone
 * surrogates, which are replaced.
 *
 * @throws TypeError where `detail` has more than 32 members, or numbers that JSON does not have
 */
export async function canonicalRecords(
  tenantId: string,
  actor: Actor,
  events: readonly AuditEvent[],
  { pseudonym, now = Date.now }: RecordDependencies,
): Promise<string[]> {
  const at = new Date(now()).toISOString();
  return await Promise.all(
    events.map(async (event) => {
      const { subjectId, subjectPseudonym } = event;
      const subject = subjectId === undefined ? subjectPseudonym : await pseudonym(tenantId, subjectId);
      return canonical(recordOf(tenantId, actor, event, { at, subject }));
    }),
  );
}

function recordOf(
  tenantId: string,
  actor: Actor,
  event: AuditEvent,
  { at, subject }: { readonly at: string; readonly subject: string | undefined },
): AuditRecord {
  const { action, entityType, entityId, subjectId, dataClass, purpose, consent, source, detail } = event;
  // A client of another CRM is the subject itself: its id would stand beside its own pseudonym.
  const isSubject = subject !== undefined && entityId === subjectId;
  return {
    v: 1,
    id: randomUUID(),
    at,
    tenant: tenantId.toLowerCase(),
    actor: { id: storable(actor.id), role: storable(actor.role) },
    ...(actor.requestId !== undefined && { request: storable(actor.requestId) }),
    action,
    entityType: storable(entityType),
    entityId: isSubject ? subjectEntity(subject) : storable(entityId),
    ...(subject !== undefined && { subject }),
    dataClass,
    ...(purpose !== undefined && { purpose }),
    ...(consent && { consent: { id: storable(consent.id), version: consent.version } }),
    outcome: event.outcome ?? "success",
    ...(source !== undefined && { source }),
    ...(detail && { detail: storableDetail(detail) }),
  };
}

/** The id of an entity that is the subject itself. */
export const subjectEntity = (subject: string) => `subject:${subject}`;

/** A text as records hold it: well-formed, without NUL, and bounded. */
export function storable(text: string): string {
  // By way of UTF-8, which has no lone surrogates.
  const clean = Buffer.from(text).toString().replaceAll("\0", "\uFFFD");
  if (clean.length <= MAX_TEXT_CHARACTERS) return clean;
  return `sha256:${createHash("sha256").update(clean).digest("hex")}`;
}

function storableDetail(detail: NonNullable<AuditEvent["detail"]>): NonNullable<AuditEvent["detail"]> {
  const entries = Object.entries(detail);
  if (entries.length > MAX_DETAILS)
    throw new TypeError(`detail of an audit event has ${entries.length} members: at most ${MAX_DETAILS}`);
  return Object.fromEntries(
    entries.map(([name, value]) => [storable(name), typeof value === "string" ? storable(value) : value]),
  );
}

/** @throws TypeError where the value has no canonical JSON */
export function canonical(value: unknown): string {
  try {
    const text = canonicalize(value);
    if (text !== undefined) return text;
  } catch (error) {
    throw new TypeError("an audit record has a value that JSON does not have", { cause: error });
  }
  throw new TypeError("an audit record must be an object");
}
