// Tokens of one kind: signed with JWT_SECRET, and never taken for those of another kind (RFC 8725 section 3.11).
// Tests: test/http/auth.test.ts, test/http/user-access.test.ts
import type { JWTPayload } from "jose";
import { SignJWT } from "jose/jwt/sign";
import { jwtVerify } from "jose/jwt/verify";
import type * as z from "zod";

/** How tokens are signed. */
export interface TokenSigning {
  /** HS256 secret: JWT_SECRET. */
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/** @param typ the kind, as `refresh+jwt` */
export async function signTyped(
  { secret, issuer, audience }: TokenSigning,
  typ: string,
  claims: JWTPayload,
  expiresAt: Date,
): Promise<string> {
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ })
    .setIssuedAt()
    .setExpirationTime(expiresAt);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return await token.sign(new TextEncoder().encode(secret));
}

/** The claims of a token of this kind; `undefined` where it is not one of ours, or has expired. */
export async function readTyped<T>(
  { secret, issuer, audience }: TokenSigning,
  typ: string,
  schema: z.ZodType<T>,
  token: string,
): Promise<T | undefined> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ["HS256"],
      typ,
      requiredClaims: ["exp"],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    });
    return schema.parse(payload);
  } catch {
    return undefined;
  }
}
