// Access tokens: what a login answers with, and what development, demonstration and tests use.
// Tests: test/http/identity.test.ts, test/http/auth.test.ts
import { randomUUID } from "node:crypto";
import { SignJWT } from "jose/jwt/sign";
import type { OverlayRole, Role } from "../http/identity/auth.js";

export interface TokenOptions {
  /** HS256 secret: JWT_SECRET. */
  readonly secret: string;
  readonly subject: string;
  /** Absent only for a superadmin. */
  readonly tenantId?: string;
  readonly role: Role;
  /** Default: none. */
  readonly overlayRoles?: readonly OverlayRole[];
  /** Default: a new UUID. */
  readonly jti?: string;
  /** Default 86,400: one day. */
  readonly expiresInSeconds?: number;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  /** The token is good for nothing but changing the password. Default false. */
  readonly mustChangePassword?: boolean;
}

/** Signs a bearer token that the API accepts. */
export async function issueToken(options: TokenOptions): Promise<string> {
  const {
    secret,
    subject,
    tenantId,
    role,
    overlayRoles = [],
    jti = randomUUID(),
    expiresInSeconds = 86_400,
    issuer,
    audience,
    mustChangePassword = false,
  } = options;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = new SignJWT({
    role,
    ...(overlayRoles.length > 0 && { overlay_roles: overlayRoles }),
    ...(tenantId !== undefined && { tenant_id: tenantId }),
    ...(mustChangePassword && { must_change_password: true }),
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(subject)
    .setJti(jti)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + expiresInSeconds);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return await token.sign(new TextEncoder().encode(secret));
}
