// Users and sessions in PostgreSQL. Each query runs inside a tenant's transaction.
// Tests: test/http/auth.test.ts
import type { PoolClient } from "pg";
import type { OverlayRole, Role } from "../../http/identity/auth.js";
import { Parameters } from "../../modules/list-sql.js";
import type { IssuedToken } from "./auth-state.js";

export interface LoginUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
  readonly overlay_roles: readonly OverlayRole[];
}

/** A user as a session needs it. */
export interface SessionUser extends LoginUser {
  readonly must_change_password: boolean;
}

export interface Session {
  readonly id: string;
  readonly user_id: string;
  readonly generation: number;
  readonly access_tokens: readonly IssuedToken[];
  readonly started_at: Date;
  readonly refreshed_at: Date;
  readonly expires_at: Date;
  readonly ended_at: Date | null;
}

export interface EndedSession {
  readonly id: string;
  readonly user_id: string;
  readonly access_tokens: readonly IssuedToken[];
}

/** Users who may log in: active ones with a password. */
export async function findLogin(
  client: PoolClient,
  tenantId: string,
  email: string,
): Promise<(SessionUser & { readonly password_hash: string }) | undefined> {
  const { rows } = await client.query(
    `SELECT id, email, name, role, overlay_roles, must_change_password, password_hash FROM users
     WHERE tenant_id = $1 AND email_key = lower($2) AND is_active AND password_hash IS NOT NULL`,
    [tenantId, email],
  );
  return rows[0];
}

/**
 * The user of a login whose password has just been checked, unless that one, or whether the user may log in,
 * has changed meanwhile. Held as it is until the transaction ends: who takes away what the user may do then
 * finds the session that has begun.
 */
export async function holdLogin(
  client: PoolClient,
  tenantId: string,
  userId: string,
  passwordHash: string,
): Promise<SessionUser | undefined> {
  const { rows } = await client.query<SessionUser>(
    `SELECT id, email, name, role, overlay_roles, must_change_password FROM users
     WHERE tenant_id = $1 AND id = $2 AND is_active AND password_hash = $3 FOR SHARE`,
    [tenantId, userId, passwordHash],
  );
  return rows[0];
}

export async function findActiveUser(
  client: PoolClient,
  tenantId: string,
  userId: string,
): Promise<SessionUser | undefined> {
  const { rows } = await client.query<SessionUser>(
    "SELECT id, email, name, role, overlay_roles, must_change_password FROM users WHERE tenant_id = $1 AND id = $2 AND is_active",
    [tenantId, userId],
  );
  return rows[0];
}

/** Begins a session, and clears away those of the tenant that are over. */
export async function startSession(
  client: PoolClient,
  tenantId: string,
  userId: string,
  access: IssuedToken,
  expiresAt: Date,
): Promise<Session> {
  // Ended ones are kept for a while: what could not be revoked at once is revoked when the request is
  // repeated.
  await client.query(
    "DELETE FROM sessions WHERE tenant_id = $1 AND (expires_at < now() OR ended_at < now() - interval '1 day')",
    [tenantId],
  );
  const { rows } = await client.query<Session>(
    `INSERT INTO sessions (tenant_id, user_id, access_tokens, expires_at) VALUES ($1, $2, $3, $4) RETURNING *`,
    [tenantId, userId, JSON.stringify([access]), expiresAt],
  );
  if (!rows[0]) throw new Error("sessions: an insert returned no row");
  return rows[0];
}

/** The lock makes refreshes and logouts of one session follow each other. */
export async function lockSession(
  client: PoolClient,
  tenantId: string,
  id: string,
): Promise<Session | undefined> {
  const { rows } = await client.query<Session>(
    "SELECT * FROM sessions WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    [tenantId, id],
  );
  return rows[0];
}

/** @param accessTokens those that may still be good, the new one among them */
export async function advanceSession(
  client: PoolClient,
  tenantId: string,
  id: string,
  accessTokens: readonly IssuedToken[],
  expiresAt: Date,
): Promise<Session> {
  const { rows } = await client.query<Session>(
    `UPDATE sessions SET generation = generation + 1, access_tokens = $3, refreshed_at = now(), expires_at = $4
     WHERE tenant_id = $1 AND id = $2 RETURNING *`,
    [tenantId, id, JSON.stringify(accessTokens), expiresAt],
  );
  if (!rows[0]) throw new Error("a session vanished while its row was locked");
  return rows[0];
}

export interface SessionChoice {
  readonly id?: string;
  readonly userId?: string;
  /** The session that has issued this access token. */
  readonly jti?: string;
}

/** Ends the sessions that are all of what is chosen; those that had ended are returned as well. */
export async function endSessions(
  client: PoolClient,
  tenantId: string,
  { id, userId, jti }: SessionChoice,
): Promise<EndedSession[]> {
  const { bind, values } = new Parameters();
  const conditions = [`tenant_id = ${bind(tenantId)}`];
  if (id !== undefined) conditions.push(`id = ${bind(id)}`);
  if (userId !== undefined) conditions.push(`user_id = ${bind(userId)}`);
  if (jti !== undefined) conditions.push(`access_tokens @> ${bind(JSON.stringify([{ jti }]))}`);
  const { rows } = await client.query<EndedSession>(
    `UPDATE sessions SET ended_at = coalesce(ended_at, now()) WHERE ${conditions.join(" AND ")}
     RETURNING id, user_id, access_tokens`,
    values,
  );
  return rows;
}

/** Those of a user that have ended while one of their access tokens may still be good. */
export async function endedSessions(
  client: PoolClient,
  tenantId: string,
  userId: string,
): Promise<EndedSession[]> {
  const { rows } = await client.query<EndedSession>(
    `SELECT id, user_id, access_tokens FROM sessions s
     WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NOT NULL AND EXISTS (
       SELECT FROM jsonb_array_elements(s.access_tokens) AS token WHERE (token->>'expiresAtMs')::numeric > $3)`,
    [tenantId, userId, Date.now()],
  );
  return rows;
}
