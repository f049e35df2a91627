// Invitations: signed, for one user, and good once: the user's row names the one that counts.
// Tests: test/http/user-access.test.ts
import * as z from "zod";
import { readTyped, signTyped, type TokenSigning } from "./typed-token.js";

/** How long an invitation can be accepted. */
export const INVITATION_SECONDS = 7 * 24 * 3600;

export interface InvitationClaims {
  readonly tenantId: string;
  readonly userId: string;
  /** A later invitation of the same user has another one, and ends this one. */
  readonly invitationId: string;
}

const TYPE = "invitation+jwt";
const claimsSchema = z.object({ tenant_id: z.guid(), user_id: z.guid(), inv: z.guid() });

export async function signInvitation(
  signing: TokenSigning,
  { tenantId, userId, invitationId }: InvitationClaims,
  expiresAt: Date,
): Promise<string> {
  const claims = { tenant_id: tenantId, user_id: userId, inv: invitationId };
  return await signTyped(signing, TYPE, claims, expiresAt);
}

/** `undefined` where it is not one of ours, or has expired. */
export async function readInvitation(
  signing: TokenSigning,
  token: string,
): Promise<InvitationClaims | undefined> {
  const claims = await readTyped(signing, TYPE, claimsSchema, token);
  return claims && { tenantId: claims.tenant_id, userId: claims.user_id, invitationId: claims.inv };
}
