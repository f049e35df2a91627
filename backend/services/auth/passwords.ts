// Passwords and invitations of users: given by whoever administers them, changed and accepted by themselves.
// Tests: test/http/user-access.test.ts
import { randomUUID } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Auth } from "../../http/identity/auth.js";
import { named } from "../../http/openapi/named-schemas.js";
import { HttpProblem, unauthorized } from "../../http/problem.js";
import type { AuthService, TokenPair } from "./auth-service.js";
import { INVITATION_SECONDS, readInvitation, signInvitation } from "./invitation.js";
import { hashPassword, verifyPassword } from "./password.js";
import { holdLogin } from "./sessions.js";
import type { TokenSigning } from "./typed-token.js";

export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 256;

/**
 * What a new password has to be: long enough (NIST SP 800-63B section 3.1.1.2); what is in it is its user's
 * affair.
 */
export const newPassword = () =>
  z
    .string()
    .min(MIN_PASSWORD_LENGTH, `must have at least ${MIN_PASSWORD_LENGTH} characters`)
    .max(MAX_PASSWORD_LENGTH, `must have at most ${MAX_PASSWORD_LENGTH} characters`);

export const invitationAnswer = named(
  "Invitation",
  z.strictObject({ token: z.string(), expires_at: z.iso.datetime() }),
);
export type Invitation = Readonly<z.output<typeof invitationAnswer>>;

/**
 * Inside a tenant's transaction: sets the password that somebody else knows, and ends what invitation there
 * was.
 */
export async function givePassword(
  client: PoolClient,
  tenantId: string,
  userId: string,
  password: { readonly hash: string; readonly mustChange: boolean },
): Promise<void> {
  await client.query(
    `UPDATE users SET password_hash = $3, must_change_password = $4, invitation_id = NULL, updated_at = now()
     WHERE tenant_id = $1 AND id = $2`,
    [tenantId, userId, password.hash, password.mustChange],
  );
}

/**
 * Inside a tenant's transaction: an invitation in the place of an earlier one. A password that there is stays
 * good.
 */
export async function invite(
  client: PoolClient,
  signing: TokenSigning,
  tenantId: string,
  userId: string,
): Promise<Invitation> {
  const invitationId = randomUUID();
  const expiresAt = new Date(Date.now() + INVITATION_SECONDS * 1000);
  await client.query("UPDATE users SET invitation_id = $3 WHERE tenant_id = $1 AND id = $2", [
    tenantId,
    userId,
    invitationId,
  ]);
  const token = await signInvitation(signing, { tenantId, userId, invitationId }, expiresAt);
  return { token, expires_at: expiresAt.toISOString() };
}

export interface PasswordServiceOptions {
  readonly pool: Pool;
  readonly signing: TokenSigning;
  readonly sessions: Pick<AuthService, "endSessionsOf" | "openSession">;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export class PasswordService {
  readonly #options: PasswordServiceOptions;

  constructor(options: PasswordServiceOptions) {
    this.#options = options;
  }

  /**
   * Changes the password of whoever asks, ends all sessions of theirs, and opens a new one.
   * @param address the client's: whoever sends many waits behind those who send one
   * @throws HttpProblem 401 where the current password is wrong; 400 where the new one is the same
   */
  async change(
    { tenantId, subject }: Auth,
    current: string,
    replacement: string,
    address: string,
  ): Promise<TokenPair> {
    if (tenantId === undefined || !UUID.test(subject)) throw noPassword();
    const { pool } = this.#options;
    const before = await withTenant(pool, tenantId, (client) => findHash(client, tenantId, subject), {
      readOnly: true,
    });
    if (!(await verifyPassword(before ?? null, current, address)) || before === undefined) {
      throw unauthorized("The current password is wrong.");
    }
    if (current === replacement) {
      const errors = [{ pointer: "#/new_password", message: "must differ from the current one" }];
      throw new HttpProblem(400, { detail: "The body is not valid: see errors.", errors });
    }
    const hash = await hashPassword(replacement, address);
    // Compared once more: of two changes at once the second would overwrite what the first has been told is
    // set.
    const changed = await withTenant(pool, tenantId, (client) =>
      setOwn(client, "id = $2 AND password_hash = $4", [tenantId, subject, hash, before]),
    );
    if (!changed) throw unauthorized("The current password is wrong.");
    return await this.#reopened(tenantId, subject, hash);
  }

  /**
   * Accepts an invitation with a password of the user's own. @throws HttpProblem 401 where it is not good
   * (any more)
   */
  async accept(token: string, password: string, address: string): Promise<TokenPair> {
    const claims = await readInvitation(this.#options.signing, token);
    if (!claims) throw unusableInvitation();
    const { tenantId, userId, invitationId } = claims;
    const hash = await hashPassword(password, address);
    const accepted = await withTenant(this.#options.pool, tenantId, (client) =>
      setOwn(client, "id = $2 AND invitation_id = $4", [tenantId, userId, hash, invitationId]),
    );
    if (!accepted) throw unusableInvitation();
    return await this.#reopened(tenantId, userId, hash);
  }

  async #reopened(tenantId: string, userId: string, hash: string): Promise<TokenPair> {
    const { sessions } = this.#options;
    await sessions.endSessionsOf(tenantId, userId);
    return await sessions.openSession(tenantId, (client) => holdLogin(client, tenantId, userId, hash));
  }
}

async function findHash(client: PoolClient, tenantId: string, userId: string): Promise<string | undefined> {
  const { rows } = await client.query<{ password_hash: string | null }>(
    "SELECT password_hash FROM users WHERE tenant_id = $1 AND id = $2 AND is_active",
    [tenantId, userId],
  );
  return rows[0]?.password_hash ?? undefined;
}

/** @param values tenant, user, hash, and what the condition compares */
async function setOwn(client: PoolClient, condition: string, values: readonly string[]): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE users SET password_hash = $3, must_change_password = false, invitation_id = NULL, updated_at = now()
     WHERE tenant_id = $1 AND is_active AND ${condition}`,
    [...values],
  );
  return rowCount === 1;
}

const unusableInvitation = () => unauthorized("The invitation is not good (any more): ask for another.");
const noPassword = () =>
  new HttpProblem(403, { detail: "Your token is not that of a user with a password." });
