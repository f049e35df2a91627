// Who is asking: roles, and what a verified token says.
// Tests: test/http/identity.test.ts

/** From least to most: each role may do what those before it may. */
export const ROLES = ["viewer", "member", "admin", "superadmin"] as const;
export type Role = (typeof ROLES)[number];

/** What its bearer may do in the overlay, beside {@link ROLES}: a supervisor what an agent may, an auditor neither. */
export const OVERLAY_ROLES = ["agent", "supervisor", "auditor"] as const;
export type OverlayRole = (typeof OVERLAY_ROLES)[number];

export interface Auth {
  readonly subject: string;
  readonly role: Role;
  /** Absent where there is none. */
  readonly overlayRoles?: readonly OverlayRole[];
  /** Lower-case UUID. Absent only for a superadmin who has chosen no tenant. */
  readonly tenantId?: string;
  /** The token's own id: what a logout revokes. An identity provider may issue tokens without one. */
  readonly jti?: string;
  /** When the token expires, milliseconds since the epoch; verifiers tolerate some seconds more. */
  readonly expiresAtMs: number;
  /** The token is good for changing the password alone. */
  readonly mustChangePassword?: true;
}

/** Whether `role` may do what `required` may. */
export function includesRole(role: Role, required: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(required);
}

/** Whether these overlay roles allow what `required` may. */
export function includesOverlayRole(roles: readonly OverlayRole[], required: OverlayRole): boolean {
  return roles.includes(required) || (required === "agent" && roles.includes("supervisor"));
}

declare global {
  namespace Express {
    interface Request {
      auth?: Auth;
    }
  }
}
