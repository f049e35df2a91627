// Refresh tokens: signed, for one session and one generation of it.
// Tests: test/http/auth.test.ts
import { jwtVerify, SignJWT } from "jose";
import * as z from "zod";

/** How tokens are signed. */
export interface TokenSigning {
  /** HS256 secret: JWT_SECRET. */
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

export interface RefreshClaims {
  readonly tenantId: string;
  readonly sessionId: string;
  /** Each refresh is the next one: an older one that comes back was stolen, or its successor was. */
  readonly generation: number;
}

// Access tokens are "JWT": neither is ever taken for the other (RFC 8725 section 3.11).
const TYPE = "refresh+jwt";
const claimsSchema = z.object({ tenant_id: z.guid(), sid: z.guid(), gen: z.int().min(1) });

export async function signRefreshToken(
  { secret, issuer, audience }: TokenSigning,
  { tenantId, sessionId, generation }: RefreshClaims,
  expiresAt: Date,
): Promise<string> {
  const token = new SignJWT({ tenant_id: tenantId, sid: sessionId, gen: generation })
    .setProtectedHeader({ alg: "HS256", typ: TYPE })
    .setIssuedAt()
    .setExpirationTime(expiresAt);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return await token.sign(new TextEncoder().encode(secret));
}

/** `undefined` where the token is not one of ours, or has expired. */
export async function readRefreshToken(
  { secret, issuer, audience }: TokenSigning,
  token: string,
): Promise<RefreshClaims | undefined> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ["HS256"],
      typ: TYPE,
      requiredClaims: ["exp"],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    });
    const { tenant_id: tenantId, sid: sessionId, gen: generation } = claimsSchema.parse(payload);
    return { tenantId, sessionId, generation };
  } catch {
    return undefined;
  }
}
