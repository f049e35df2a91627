// Before anything leaves: consent of all whom it shows, and the record of it, in one transaction with the consent.
// Tests: test/http/overlay-access.test.ts
import type { AuditEvent } from "../audit/audit-trail.js";
import { ConsentRefused } from "../audit/consent/consent-refused.js";
import { type Caller, withPurpose } from "./overlay-caller.js";
import type { OverlayAudit } from "./overlay-parts.js";

/**
 * Resolves once the access is on record.
 * @param others whom it shows beside the event's subject
 * @throws ConsentRefused (403), AuditUnavailable (503)
 */
export async function disclose(
  audit: OverlayAudit,
  caller: Caller,
  event: AuditEvent,
  others: readonly string[] = [],
): Promise<void> {
  const { tenantId, actor } = caller;
  const asked = withPurpose(caller, event);
  for (const subjectId of others) await audit.requireConsent(tenantId, actor, { ...asked, subjectId });
  await audit.disclose(tenantId, actor, asked);
}

/** As {@link disclose}; false where consent is refused, which is on record, too. */
export async function isDisclosed(...access: Parameters<typeof disclose>): Promise<boolean> {
  try {
    await disclose(...access);
    return true;
  } catch (error) {
    if (error instanceof ConsentRefused) return false;
    throw error;
  }
}
