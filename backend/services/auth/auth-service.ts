// Logging in, refreshing and logging out.
// Tests: test/http/auth.test.ts
import { randomUUID } from "node:crypto";
import type { TenantCache } from "express-tenant-cache";
import type { Pool, PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import { type Auth, ROLES } from "../../http/identity/auth.js";
import type { Authenticator } from "../../http/identity/authenticator.js";
import { sessionTag } from "../../http/identity/session-tag.js";
import { explained, named } from "../../http/openapi/named-schemas.js";
import { unauthorized } from "../../http/problem.js";
import { issueToken } from "../tokens.js";
import type { AuthState, IssuedToken, SessionEntry } from "./auth-state.js";
import { verifyPassword } from "./password.js";
import { readRefreshToken, signRefreshToken } from "./refresh-token.js";
import {
  advanceSession,
  type EndedSession,
  endedSessions,
  endSessions,
  findActiveUser,
  findLogin,
  holdLogin,
  lockSession,
  type Session,
  type SessionChoice,
  type SessionUser,
  startSession,
} from "./sessions.js";
import type { TokenSigning } from "./typed-token.js";

export interface AuthServiceOptions {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "invalidateTags">;
  readonly authenticator: Authenticator;
  readonly state: AuthState;
  readonly signing: TokenSigning;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
}

export interface Credentials {
  readonly tenant_id: string;
  readonly email: string;
  readonly password: string;
}

/** The names are those of RFC 6749 section 5.1. */
export const tokenPair = named(
  "TokenPair",
  z.strictObject({
    access_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.int(),
    refresh_token: z.string(),
    user: z.strictObject({ id: z.guid(), email: z.string(), name: z.string(), role: z.enum(ROLES) }),
    password_change_required: explained(
      "Somebody else has set the password: until the user has changed it, the access token is good for nothing else.",
      z.boolean(),
    ),
  }),
);
export type TokenPair = Readonly<z.output<typeof tokenPair>>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export class AuthService {
  readonly #options: AuthServiceOptions;

  constructor(options: AuthServiceOptions) {
    this.#options = options;
  }

  /**
   * @param address the client's: logins of one wait behind those of others
   * @throws HttpProblem 401, the same one whatever was wrong; 503 where the persistent Redis is away, or too
   *   many log in
   * @throws TenantUnavailable where the tenant is suspended, to those who know the password
   */
  async login({ tenant_id: tenantId, email, password }: Credentials, address: string): Promise<TokenPair> {
    const { pool } = this.#options;
    const found = await withTenant(pool, tenantId, (client) => findLogin(client, tenantId, email), {
      readOnly: true,
      anyTenant: true,
    });
    if (!(await verifyPassword(found?.password_hash ?? null, password, address)) || !found)
      throw wrongLogin();
    return await this.openSession(tenantId, (client) =>
      holdLogin(client, tenantId, found.id, found.password_hash),
    );
  }

  /**
   * For a user who has proved who it is.
   * @param hold reads the user in the transaction that starts the session; `undefined` where that may no
   *   longer log in
   * @throws HttpProblem 401 where it may not
   */
  async openSession(
    tenantId: string,
    hold: (client: PoolClient) => Promise<SessionUser | undefined>,
  ): Promise<TokenPair> {
    const access = this.#newAccessToken();
    const { user, session } = await withTenant(this.#options.pool, tenantId, async (client) => {
      const user = await hold(client);
      if (!user) throw wrongLogin();
      const session = await startSession(client, tenantId, user.id, access, this.#sessionEnd());
      return { user, session: await this.#noted(tenantId, session) };
    });
    return await this.#issue(tenantId, user, session, access);
  }

  /**
   * Exchanges a refresh token for the next one. One that was exchanged before ends its session: somebody else
   * has it, too.
   * @throws HttpProblem 401; 503 where the persistent Redis is away
   */
  async refresh(refreshToken: string): Promise<TokenPair> {
    const claims = await readRefreshToken(this.#options.signing, refreshToken);
    if (!claims) throw unusable();
    const { tenantId, sessionId, generation } = claims;
    const access = this.#newAccessToken();
    const outcome = await withTenant(this.#options.pool, tenantId, async (client) => {
      const session = await lockSession(client, tenantId, sessionId);
      if (!session) throw unusable();
      const user = await findActiveUser(client, tenantId, session.user_id);
      if (session.ended_at || !user || session.generation !== generation) {
        return { ended: await endSessions(client, tenantId, { id: sessionId }) };
      }
      const live = [
        ...session.access_tokens.filter((token) => token.expiresAtMs > Date.now() - 60_000),
        access,
      ];
      const advanced = await advanceSession(client, tenantId, sessionId, live, this.#sessionEnd());
      return { user, session: await this.#noted(tenantId, advanced) };
    });
    if (outcome.user) return await this.#issue(tenantId, outcome.user, outcome.session, access);
    await this.#revokeTokensOf(tenantId, outcome.ended);
    throw unusable();
  }

  /**
   * Revokes the token that the request came with, and ends its session or, `everywhere`, all sessions of its
   * user. Once this has resolved, no process accepts one of their tokens, and no response is served from the
   * cache for one.
   */
  async logout(auth: Auth, everywhere: boolean): Promise<void> {
    const { tenantId, subject, jti, expiresAtMs } = auth;
    if (tenantId !== undefined && UUID.test(subject)) {
      const ownSession = jti === undefined ? undefined : { userId: subject, jti };
      const choice = everywhere ? { userId: subject } : ownSession;
      if (choice) await this.#end(tenantId, choice);
    }
    if (jti !== undefined) await this.#revoke(tenantId, [{ jti, expiresAtMs }]);
  }

  /** Ends all sessions of a user who was deactivated, or whose roles have changed. */
  async endSessionsOf(tenantId: string, userId: string): Promise<void> {
    await this.#end(tenantId, { userId });
  }

  /**
   * Revokes again what sessions of a user that have ended had issued: the persistent Redis may have been away
   * then.
   */
  async revokeEndedOf(tenantId: string, userId: string): Promise<void> {
    const ended = await withTenant(
      this.#options.pool,
      tenantId,
      (client) => endedSessions(client, tenantId, userId),
      { readOnly: true },
    );
    await this.#revokeTokensOf(tenantId, ended);
  }

  async sessionsOf({ tenantId, subject }: Auth): Promise<SessionEntry[]> {
    return tenantId === undefined ? [] : await this.#options.state.sessionsOf(tenantId, subject);
  }

  async #end(tenantId: string, choice: SessionChoice): Promise<void> {
    const ended = await withTenant(this.#options.pool, tenantId, (client) =>
      endSessions(client, tenantId, choice),
    );
    await this.#revokeTokensOf(tenantId, ended);
  }

  async #revokeTokensOf(tenantId: string, ended: readonly EndedSession[]): Promise<void> {
    await this.#revoke(
      tenantId,
      ended.flatMap((session) => session.access_tokens),
    );
    for (const { id, user_id: userId } of ended) {
      await this.#options.state.dropSession(tenantId, userId, id);
    }
  }

  /**
   * The list first: from then on nothing new is served to the tokens, and the tags end what is served without
   * asking it.
   */
  async #revoke(tenantId: string | undefined, tokens: readonly IssuedToken[]): Promise<void> {
    await this.#options.state.revoke(tenantId, tokens);
    for (const { jti } of tokens) this.#options.authenticator.forget(jti);
    const tags = tokens.flatMap((token) => sessionTag(token) ?? []);
    if (tenantId !== undefined && tags.length > 0)
      await this.#options.cache.invalidateTags(tenantId, ...tags);
  }

  /**
   * Inside the transaction: where the persistent Redis is away, nothing has happened, and the same refresh
   * token is good for another try.
   */
  async #noted(tenantId: string, session: Session): Promise<Session> {
    await this.#options.state.noteSession(tenantId, session.user_id, {
      id: session.id,
      started_at: session.started_at.toISOString(),
      refreshed_at: session.refreshed_at.toISOString(),
    });
    return session;
  }

  async #issue(
    tenantId: string,
    { must_change_password: mustChangePassword, ...user }: SessionUser,
    session: Session,
    access: IssuedToken,
  ): Promise<TokenPair> {
    const { signing, accessTokenSeconds } = this.#options;
    const { id: sessionId, generation, expires_at: expiresAt } = session;
    return {
      access_token: await issueToken({
        ...signing,
        subject: user.id,
        tenantId,
        role: user.role,
        overlayRoles: user.overlay_roles,
        jti: access.jti,
        expiresInSeconds: accessTokenSeconds,
        mustChangePassword,
      }),
      token_type: "Bearer",
      expires_in: accessTokenSeconds,
      refresh_token: await signRefreshToken(signing, { tenantId, sessionId, generation }, expiresAt),
      user,
      password_change_required: mustChangePassword,
    };
  }

  #newAccessToken(): IssuedToken {
    const expiresAtMs = Date.now() + this.#options.accessTokenSeconds * 1000;
    return { jti: randomUUID(), expiresAtMs };
  }

  #sessionEnd(): Date {
    return new Date(Date.now() + this.#options.refreshTokenSeconds * 1000);
  }
}

const unusable = () => unauthorized("The refresh token is not usable: log in again.", "invalid_token");
const wrongLogin = () => unauthorized("E-mail address or password is wrong.");
