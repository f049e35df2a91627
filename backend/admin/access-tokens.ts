// Access tokens for operators, scripts and first steps: of a user, or of a role alone.
// Tests: test/faults/admin.test.ts
import { randomUUID } from "node:crypto";
import { withTenant } from "../db/tenant-transaction.js";
import type { OverlayRole, Role } from "../http/identity/auth.js";
import { startSession } from "../services/auth/sessions.js";
import { issueToken } from "../services/tokens.js";
import { AdminError, type Outcome, wrongArguments } from "./outcome.js";
import type { Admin } from "./recorded-command.js";
import type { Tenant } from "./tenants.js";
import { deactivated, requireLogins, requireUser } from "./users.js";

export interface TokenRequest {
  readonly tenant?: Tenant | undefined;
  /** Of a user, whose role the token has; deactivating the user ends it. */
  readonly email?: string | undefined;
  /** Without a user. */
  readonly role?: Role | undefined;
  /** Beside `role`; a user has those of its own. */
  readonly overlayRoles?: readonly OverlayRole[] | undefined;
  readonly expiresInSeconds: number;
}

/** @throws AdminError that says what to write */
export function checkTokenRequest({
  tenant,
  email,
  role,
  overlayRole,
}: {
  readonly tenant: string | undefined;
  readonly email: string | undefined;
  readonly role: string | undefined;
  readonly overlayRole?: readonly string[] | undefined;
}): void {
  if ((email === undefined) === (role === undefined)) {
    throw wrongArguments("write --tenant <id or name>, and either --email <email> or --role <role>");
  }
  if (email !== undefined && overlayRole !== undefined) {
    throw wrongArguments("a user has overlay roles of its own: write --overlay-role with --role alone");
  }
  if (tenant === undefined && role !== "superadmin") {
    throw wrongArguments("write --tenant <id or name>; only --role superadmin goes without");
  }
}

export async function issueAccessToken(admin: Admin, request: TokenRequest): Promise<Outcome> {
  const { tenant, email, role, overlayRoles = [], expiresInSeconds } = request;
  const { signing } = requireLogins(admin);
  if (tenant?.suspended_at) {
    throw new AdminError(`${tenant.name} is suspended: npm run admin -- tenant resume ${tenant.id}`);
  }
  const jti = randomUUID();
  const expiresAtMs = Date.now() + expiresInSeconds * 1000;
  const bearer =
    tenant && email !== undefined
      ? await userWithSession(admin, tenant, email, { jti, expiresAtMs })
      : { subject: "operator", role: role ?? "viewer", overlayRoles };
  const token = await issueToken({
    ...signing,
    ...bearer,
    ...(tenant && { tenantId: tenant.id }),
    jti,
    expiresInSeconds,
  });
  const expiresAt = new Date(expiresAtMs).toISOString();
  return {
    changed: true,
    ...(tenant && { tenantId: tenant.id }),
    noted: { jti, role: bearer.role, overlay_roles: bearer.overlayRoles, expires_at: expiresAt },
    // Alone, so that it can be taken: TOKEN=$(npm run --silent admin -- token issue …)
    lines: [token],
    data: { token, role: bearer.role, expires_at: expiresAt },
  };
}

/** The token belongs to a session, as one of a login does: what ends the user's sessions ends it, too. */
async function userWithSession(
  admin: Admin,
  tenant: Tenant,
  email: string,
  token: { readonly jti: string; readonly expiresAtMs: number },
): Promise<{ readonly subject: string; readonly role: Role; readonly overlayRoles: readonly OverlayRole[] }> {
  const user = await requireUser(admin, tenant, email);
  if (!user.is_active) throw deactivated(user);
  await withTenant(admin.pool, tenant.id, (client) =>
    startSession(client, tenant.id, user.id, token, new Date(token.expiresAtMs)),
  );
  // The database allows no others.
  return {
    subject: user.id,
    role: user.role as Role,
    overlayRoles: user.overlay_roles as readonly OverlayRole[],
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const MAX_DAYS = 90;

/** "15m", "12h", "7d". */
export function secondsOf(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN);
  if (seconds >= 1 && seconds <= MAX_DAYS * 86_400) return seconds;
  throw wrongArguments(`--expires-in ${text}: write 15m, 12h or 7d, at most ${MAX_DAYS}d`);
}
