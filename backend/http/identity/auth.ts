// Who is asking: roles, and what a verified token says.
// Tests: test/http/identity.test.ts

/** From least to most: each role may do what those before it may. */
export const ROLES = ["viewer", "member", "admin", "superadmin"] as const;
export type Role = (typeof ROLES)[number];

export interface Auth {
  readonly subject: string;
  readonly role: Role;
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

declare global {
  namespace Express {
    interface Request {
      auth?: Auth;
    }
  }
}
