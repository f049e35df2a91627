// Users who may do less than before: what they were given while they could do more is revoked.
// Tests: test/http/login-bounds.test.ts
import type { ModuleRecord } from "../../modules/crud-repository.js";
import type { ChangeListener } from "../../modules/record-changes.js";
import type { AuthService } from "./auth-service.js";

/** Ends the sessions of users who are deactivated or deleted, or whose roles change: a token says what its user may do. */
export function endingSessions(
  service: Pick<AuthService, "endSessionsOf" | "revokeEndedOf">,
): ChangeListener {
  return {
    changed: async (tenantId, module, { before, after }) => {
      if (module !== "users" || !before) return;
      const id = String(before.id);
      // Where an earlier change could not revoke, its repetition changes nothing any more, and does.
      if (after?.is_active === true && rolesOf(after) === rolesOf(before))
        await service.revokeEndedOf(tenantId, id);
      else await service.endSessionsOf(tenantId, id);
    },
    // A refresh reads the user in any case, so that what was given lasts no longer than an access token.
    changedSomehow: async () => {},
  };
}

const rolesOf = ({ role, overlay_roles: overlayRoles }: ModuleRecord) => JSON.stringify([role, overlayRoles]);
