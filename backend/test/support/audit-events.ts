// What tests of the audit trail record, and of whom: apart from the servers, so that a process that is to be killed starts soon.
import { createHmac } from "node:crypto";
import type { Actor, AuditEvent, Pseudonym } from "../../services/audit/audit-event.js";

export const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";
export const OTHER_TENANT = "bbbbbbbb-0000-4000-8000-000000000002";
export const ACTOR: Actor = { id: "11111111-0000-4000-8000-000000000009", role: "agent", requestId: "req-1" };

export const pseudonym: Pseudonym = async (tenantId, subjectId) =>
  createHmac("sha256", `key of ${tenantId}`).update(subjectId).digest("hex").slice(0, 32);

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
