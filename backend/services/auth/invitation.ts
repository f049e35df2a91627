// Invitations: signed, for one user, and good once: the user's row names the one that counts.
// Tests: test/http/user-access.test.ts
import { jwtVerify, SignJWT } from "jose";
import * as z from "zod";
import type { TokenSigning } from "./refresh-token.js";

/** How long an invitation can be accepted. */
export const INVITATION_SECONDS = 7 * 24 * 3600;

export interface InvitationClaims {
  readonly tenantId: string;
  readonly userId: string;
  /** A later invitation of the same user has another one, and ends this one. */
  readonly invitationId: string;
}

// Neither an access token nor a refresh token is ever taken for one (RFC 8725 section 3.11).
const TYPE = "invitation+jwt";
const claimsSchema = z.object({ tenant_id: z.guid(), user_id: z.guid(), inv: z.guid() });

export async function signInvitation(
  { secret, issuer, audience }: TokenSigning,
  { tenantId, userId, invitationId }: InvitationClaims,
  expiresAt: Date,
): Promise<string> {
  const token = new SignJWT({ tenant_id: tenantId, user_id: userId, inv: invitationId })
    .setProtectedHeader({ alg: "HS256", typ: TYPE })
    .setIssuedAt()
    .setExpirationTime(expiresAt);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return await token.sign(new TextEncoder().encode(secret));
}

/** `undefined` where it is not one of ours, or has expired. */
export async function readInvitation(
  { secret, issuer, audience }: TokenSigning,
  token: string,
): Promise<InvitationClaims | undefined> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ["HS256"],
      typ: TYPE,
      requiredClaims: ["exp"],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    });
    const { tenant_id: tenantId, user_id: userId, inv: invitationId } = claimsSchema.parse(payload);
    return { tenantId, userId, invitationId };
  } catch {
    return undefined;
  }
}
