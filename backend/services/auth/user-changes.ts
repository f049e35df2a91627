// Users who may do less than before: what they were given while they could do more is revoked.
import type { ChangeListener } from "../../modules/record-changes.js";
import type { AuthService } from "./auth-service.js";

/** Ends the sessions of users who are deactivated or deleted, or whose role changes: a token says what its user may do. */
export function endingSessions(service: Pick<AuthService, "endSessionsOf">): ChangeListener {
  return {
    changed: async (tenantId, module, { before, after }) => {
      if (module !== "users" || !before) return;
      if (after?.is_active === true && after.role === before.role) return;
      await service.endSessionsOf(tenantId, String(before.id));
    },
    // A refresh reads the user in any case, so that what was given lasts no longer than an access token.
    changedSomehow: async () => {},
  };
}
