// The audit trail as the overlay shows it to auditors: thin, over the trail of the tenant.
// Tests: test/http/overlay-access.test.ts
import type { AuditLog } from "../audit/audit-trail.js";
import { type Caller, refusal } from "./overlay-caller.js";
import type { OverlayParts } from "./overlay-parts.js";

export interface Integrity {
  readonly valid: boolean;
  readonly errors: readonly string[];
}

const SEES_TRAIL = new Set(["auditor", "supervisor", "system"]);

export class AuditTrailService {
  readonly #parts: OverlayParts;

  constructor(parts: OverlayParts) {
    this.#parts = parts;
  }

  /** @throws HttpProblem 403 for agents */
  async verifyAuditIntegrity(caller: Caller): Promise<Integrity> {
    await this.#require(caller, "integrity");
    return await this.#parts.audit.verifyAuditIntegrity(caller.tenantId);
  }

  /** Records about an entity, the newest first. That they are read is on record, too. @throws HttpProblem 403 for agents */
  async getAuditLogs(
    caller: Caller,
    entityType: string,
    entityId: string,
    page: Parameters<OverlayParts["audit"]["getAuditLogs"]>[3] = {},
  ): Promise<AuditLog[]> {
    await this.#require(caller, entityType);
    return await this.#parts.audit.getAuditLogs(caller.tenantId, entityType, entityId, page);
  }

  async #require(caller: Caller, what: string): Promise<void> {
    const event = {
      action: "search",
      entityType: "audit_trail",
      entityId: what,
      dataClass: "business",
    } as const;
    if (!SEES_TRAIL.has(caller.actor.role)) throw await refusal(this.#parts.audit, caller, event);
    await this.#parts.audit.record(caller.tenantId, caller.actor, [event]);
  }
}
