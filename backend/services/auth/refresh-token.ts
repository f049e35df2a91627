// Refresh tokens: signed, for one session and one generation of it.
// Tests: test/http/auth.test.ts
import * as z from "zod";
import { readTyped, signTyped, type TokenSigning } from "./typed-token.js";

export interface RefreshClaims {
  readonly tenantId: string;
  readonly sessionId: string;
  /** Each refresh is the next one: an older one that comes back was stolen, or its successor was. */
  readonly generation: number;
}

/** Access tokens are "JWT". */
const TYPE = "refresh+jwt";
const claimsSchema = z.object({ tenant_id: z.guid(), sid: z.guid(), gen: z.int().min(1) });

export async function signRefreshToken(
  signing: TokenSigning,
  { tenantId, sessionId, generation }: RefreshClaims,
  expiresAt: Date,
): Promise<string> {
  const claims = { tenant_id: tenantId, sid: sessionId, gen: generation };
  return await signTyped(signing, TYPE, claims, expiresAt);
}

/** `undefined` where the token is not one of ours, or has expired. */
export async function readRefreshToken(
  signing: TokenSigning,
  token: string,
): Promise<RefreshClaims | undefined> {
  const claims = await readTyped(signing, TYPE, claimsSchema, token);
  return claims && { tenantId: claims.tenant_id, sessionId: claims.sid, generation: claims.gen };
}
