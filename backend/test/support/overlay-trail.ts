// The audit trail of the overlay's tests.
import type { Pool } from "pg";
import { AuditTrail, insertRecords } from "../../services/audit/audit-trail.js";
import { Recorder } from "../../services/audit/policy/recorder.js";
import type { OverlayAudit } from "../../services/overlay/overlay-parts.js";
import type { TenantKeys } from "../../services/subjects/tenant-keys.js";

export interface OverlayTrail extends OverlayAudit {
  close(): Promise<void>;
}

export function overlayTrail(pool: Pool, tenantKeys: TenantKeys): OverlayTrail {
  const pseudonym = (tenantId: string, subjectId: string) => tenantKeys.pseudonym(tenantId, subjectId);
  const trail = new AuditTrail({ pool, pseudonym });
  const recorder = new Recorder({
    pool,
    pseudonym,
    canonicalRecords: (tenantId, actor, events) => trail.canonicalRecords(tenantId, actor, events),
    insert: insertRecords,
  });
  return {
    append: (...args) => trail.append(...args),
    record: (...args) => recorder.record(...args),
    getAuditLogs: (...args) => trail.getAuditLogs(...args),
    requireConsent: (tenantId, actor, event) => recorder.requireConsent(tenantId, actor, event),
    verifyAuditIntegrity: async () => ({ valid: true, errors: [] }),
    close: async () => {
      await recorder.close();
    },
  };
}
