// Users of a tenant: made, invited, given a password, deactivated and activated.
// Tests: test/faults/admin.test.ts
import { randomBytes } from "node:crypto";
import type { PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../db/tenant-transaction.js";
import { HttpProblem } from "../http/problem.js";
import type { ModuleRecord } from "../modules/crud-repository.js";
import { RecordWriter } from "../modules/record-writer.js";
import { hashPassword } from "../services/auth/password.js";
import { givePassword, type Invitation, invite, newPassword } from "../services/auth/passwords.js";
import { usersModule } from "../services/records/users-module.js";
import { AdminError, type Outcome, wrongArguments } from "./outcome.js";
import type { Admin } from "./recorded-command.js";
import type { Tenant } from "./tenants.js";

export interface NewUser {
  readonly email: string;
  /** Default: what stands in front of the @. */
  readonly name?: string | undefined;
  /** Default "member". */
  readonly role?: string | undefined;
  /** Default: none. */
  readonly overlayRole?: readonly string[] | undefined;
}

export interface GivenPassword {
  /** Default: a new one, which is shown once. */
  readonly password?: string | undefined;
  /** Whether the user may keep it. Default false: it has to be changed at the first login. */
  readonly permanent?: boolean | undefined;
}

interface KnownUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: string;
  readonly overlay_roles: readonly string[];
  readonly is_active: boolean;
}

/** A user with this address is left as it is. */
export async function createUser(
  admin: Admin,
  tenant: Tenant,
  user: NewUser,
  given: GivenPassword,
): Promise<Outcome> {
  requireLogins(admin);
  const known = await findUser(admin, tenant, user.email);
  if (known) return alreadyThere(tenant, known);
  const { shown, hash, mustChange } = await passwordOf(given);
  const { record, missed } = await made(admin, tenant, user, (client, { id }) =>
    givePassword(client, tenant.id, String(id), { hash, mustChange }),
  );
  return {
    changed: true,
    ...about(tenant, record),
    lines: [`made user ${record.id}  ${record.email}`, ...passwordLines(shown, mustChange)],
    data: {
      user: record,
      ...(shown !== undefined && { password: shown }),
      password_change_required: mustChange,
    },
    incomplete: missed,
  };
}

/**
 * Makes the user where there is none, and an invitation in any case; it takes the place of an earlier one.
 */
export async function inviteUser(admin: Admin, tenant: Tenant, user: NewUser): Promise<Outcome> {
  const { signing } = requireLogins(admin);
  const known = await findUser(admin, tenant, user.email);
  if (known && !known.is_active) throw deactivated(known);
  let invitation: Invitation | undefined;
  const inviting = async (client: PoolClient, { id }: { readonly id?: unknown }) => {
    invitation = await invite(client, signing, tenant.id, String(id));
  };
  const { record, missed } = known
    ? await withTenant(admin.pool, tenant.id, async (client) => {
        await inviting(client, known);
        return { record: known, missed: [] };
      })
    : await made(admin, tenant, user, inviting);
  return {
    changed: true,
    ...about(tenant, record),
    lines: [
      `invited ${record.email} until ${invitation?.expires_at}; send them, over a channel that only they read:`,
      `POST /api/auth/invitation {"invitation": "${invitation?.token}", "password": "their own"}`,
    ],
    data: { user: record, invitation },
    incomplete: missed,
  };
}

/** Sets a password and ends the user's sessions: what others hold is good for nothing. */
export async function setPassword(
  admin: Admin,
  tenant: Tenant,
  email: string,
  given: GivenPassword,
): Promise<Outcome> {
  requireLogins(admin);
  const user = await requireUser(admin, tenant, email);
  const { shown, hash, mustChange } = await passwordOf(given);
  await withTenant(admin.pool, tenant.id, (client) =>
    givePassword(client, tenant.id, user.id, { hash, mustChange }),
  );
  const reach = await admin.reach();
  await reach.endSessionsOf(tenant.id, user.id);
  return {
    changed: true,
    ...about(tenant, user),
    lines: [`set the password of ${user.email}`, ...passwordLines(shown, mustChange)],
    data: { user, ...(shown !== undefined && { password: shown }), password_change_required: mustChange },
    incomplete: reach.missed(),
  };
}

/** The user's tokens stop working as this ends. */
export async function setActive(
  admin: Admin,
  tenant: Tenant,
  email: string,
  isActive: boolean,
): Promise<Outcome> {
  const { user, incomplete } = await changeUser(admin, tenant, email, { is_active: isActive });
  const changed = user.is_active !== isActive;
  const word = isActive ? "activated" : "deactivated";
  return {
    changed,
    ...about(tenant, user),
    lines: [changed ? `${word} ${user.email}` : `${user.email} was ${word} already`],
    data: { user: { ...user, is_active: isActive } },
    incomplete,
  };
}

/** The user's tokens, which say what was so before, stop working as this ends. */
export async function setOverlayRoles(
  admin: Admin,
  tenant: Tenant,
  email: string,
  roles: readonly string[],
): Promise<Outcome> {
  const overlayRoles = [...new Set(roles)].sort();
  const { user, incomplete } = await changeUser(admin, tenant, email, { overlay_roles: overlayRoles });
  return {
    changed: overlayRoles.join() !== user.overlay_roles.join(),
    ...about(tenant, user),
    lines: [`overlay roles of ${user.email}: ${overlayRoles.join(", ") || "none"}`],
    data: { user: { ...user, overlay_roles: overlayRoles } },
    incomplete,
  };
}

/** Also where it is so already: an earlier try may not have reached everybody. */
async function changeUser(
  admin: Admin,
  tenant: Tenant,
  email: string,
  changes: ModuleRecord,
): Promise<{ readonly user: KnownUser; readonly incomplete: readonly string[] }> {
  const user = await requireUser(admin, tenant, email);
  const reach = await admin.reach();
  const writer = new RecordWriter(usersModule, admin.pool, reach.changes);
  const record = await writer.read(tenant.id, user.id);
  const document = usersModule.writableColumns.map((column) => [column, record[column]]);
  await writer.replace(tenant.id, user.id, { ...Object.fromEntries(document), ...changes });
  return { user, incomplete: reach.missed() };
}

export async function requireUser(admin: Admin, tenant: Tenant, email: string): Promise<KnownUser> {
  const user = await findUser(admin, tenant, email);
  if (user) return user;
  throw new AdminError(
    `${tenant.name} has no user ${email}: npm run admin -- user create --tenant … --email …`,
  );
}

export const deactivated = ({ email }: KnownUser) =>
  new AdminError(`${email} is deactivated: npm run admin -- user activate --tenant … --email ${email}`);

/** @throws AdminError where an identity provider has the logins, or nobody can log in */
export function requireLogins({ config }: Admin): { readonly signing: { readonly secret: string } } {
  const { JWT_SECRET: secret, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config;
  if (secret === undefined) {
    throw new AdminError(
      "JWT_JWKS_URL is set: passwords, invitations and tokens are the identity provider's",
    );
  }
  return { signing: { secret, ...(issuer && { issuer }), ...(audience && { audience }) } };
}

async function findUser({ pool }: Admin, tenant: Tenant, email: string): Promise<KnownUser | undefined> {
  return await withTenant(
    pool,
    tenant.id,
    async (client) => {
      const { rows } = await client.query<KnownUser>(
        "SELECT id, email, name, role, overlay_roles, is_active FROM users WHERE tenant_id = $1 AND email_key = lower($2)",
        [tenant.id, email.trim()],
      );
      return rows[0];
    },
    { readOnly: true, anyTenant: true },
  );
}

async function made(
  admin: Admin,
  tenant: Tenant,
  { email, name = email.split("@")[0], role, overlayRole = [] }: NewUser,
  also: (client: PoolClient, record: ModuleRecord) => Promise<void>,
): Promise<{ readonly record: ModuleRecord; readonly missed: readonly string[] }> {
  const document = usersModule.document.safeParse({ email, name, role, overlay_roles: overlayRole });
  if (!document.success) {
    const issues = document.error.issues.map(({ path, message }) => `--${path.join(".")} ${message}`);
    throw wrongArguments(issues.join("; "));
  }
  const reach = await admin.reach();
  const writer = new RecordWriter(usersModule, admin.pool, reach.changes);
  try {
    return { record: await writer.create(tenant.id, document.data, also), missed: reach.missed() };
  } catch (error) {
    // Somebody has made it in between.
    if (error instanceof HttpProblem) throw new AdminError(error.errors?.[0]?.message ?? error.message);
    throw error;
  }
}

async function passwordOf({ password, permanent = false }: GivenPassword) {
  if (password === undefined) {
    const shown = randomBytes(12).toString("base64url");
    return { shown, hash: await hashPassword(shown), mustChange: !permanent };
  }
  const checked = newPassword().safeParse(password);
  if (!checked.success)
    throw wrongArguments(`the password ${z.treeifyError(checked.error).errors.join("; ")}`);
  return { shown: undefined, hash: await hashPassword(password), mustChange: !permanent };
}

function passwordLines(shown: string | undefined, mustChange: boolean): string[] {
  return [
    ...(shown === undefined ? [] : [`password, shown once: ${shown}`]),
    ...(mustChange ? ["to be changed at the first login: POST /api/auth/password"] : []),
  ];
}

const about = (tenant: Tenant, user: { readonly id?: unknown; readonly email?: unknown }) => ({
  tenantId: tenant.id,
  noted: { userId: String(user.id), email: String(user.email) },
});

function alreadyThere(tenant: Tenant, user: KnownUser): Outcome {
  const lines = [`user ${user.id}  ${user.email} was there already`];
  return { changed: false, ...about(tenant, user), lines, data: { user } };
}
