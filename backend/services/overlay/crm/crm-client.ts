// A client of another CRM: how it is named, what is kept of it, and what callers see.
// Tests: test/integration/overlay-clients.test.ts
import * as z from "zod";
import type { AuditEvent } from "../../audit/audit-trail.js";
import { sensitive } from "../../subjects/sensitive-fields.js";
import { checked, jsonObject } from "../given.js";
import type { ClientMeta, SyncState } from "./client-rows.js";

export interface ClientRef {
  readonly crm_system: string;
  readonly crm_id: string;
}

export type ClientData = Readonly<Record<string, unknown>>;

export interface CrmClient extends ClientRef, SyncState {
  /** As records name it: `crm_system:crm_id`. */
  readonly client_id: string;
  readonly data: ClientData;
  /** Whose client it is. */
  readonly agent_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly expires_at: string;
}

/** What the sealed bytes hold. */
export interface ClientCopy extends ClientRef {
  readonly data: ClientData;
}

export const crmSystem = () =>
  z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be a name such as "hubspot"');
export const crmId = () =>
  z
    .string()
    .min(1)
    .max(150)
    .regex(/^[^\p{Cc}\p{Cs}\s]+$/u, "must not contain white space or control characters");

export const clientRef = z.strictObject({ crm_system: crmSystem(), crm_id: crmId() });
export const clientData = sensitive(jsonObject());

/** @throws HttpProblem 400 */
export const refOf = (system: string, id: string): ClientRef =>
  checked(clientRef, { crm_system: system, crm_id: id }, "client");

export const clientIdOf = ({ crm_system, crm_id }: ClientRef): string => `${crm_system}:${crm_id}`;

/** What the sealed bytes are bound to. */
export const clientContext = (pseudonym: string): string => `overlay:crm_client:${pseudonym}`;

export function clientEvent(ref: ClientRef, action: AuditEvent["action"]): AuditEvent {
  const subjectId = clientIdOf(ref);
  return { action, entityType: "crm_client", entityId: subjectId, subjectId, dataClass: "phi" };
}

export function clientOf({ crm_system, crm_id, data }: ClientCopy, meta: ClientMeta): CrmClient {
  const { client: _client, ...shown } = meta;
  return { crm_system, crm_id, client_id: clientIdOf({ crm_system, crm_id }), data, ...shown };
}
