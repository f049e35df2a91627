// Tenants: made, listed, suspended, resumed and deleted.
// Tests: test/faults/admin.test.ts
import type { Pool } from "pg";
import { destroyTenantKeys } from "../services/subjects/destroy-tenant.js";
import { LocalKeyProvider } from "../services/subjects/local-key-provider.js";
import { AdminError, type Outcome, wrongArguments } from "./outcome.js";
import type { Reach } from "./reach.js";
import type { Admin } from "./recorded-command.js";

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly suspended_at: Date | null;
  readonly suspended_reason: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const isUuid = (text: string) => UUID.test(text);

const COLUMNS = "id, name, created_at, suspended_at, suspended_reason";

/** By id, or by its whole name where only one tenant has it. */
export async function findTenant(pool: Pool, idOrName: string): Promise<Tenant | undefined> {
  const column = isUuid(idOrName) ? "id" : "name";
  const { rows } = await pool.query<Tenant>(`SELECT ${COLUMNS} FROM tenants WHERE ${column} = $1`, [
    idOrName,
  ]);
  if (rows.length > 1) {
    const ids = rows.map(({ id }) => id).join(", ");
    throw wrongArguments(
      `${rows.length} tenants are called ${JSON.stringify(idOrName)}: write an id (${ids})`,
    );
  }
  return rows[0];
}

export async function requireTenant(pool: Pool, idOrName: string): Promise<Tenant> {
  const tenant = await findTenant(pool, idOrName);
  if (tenant) return tenant;
  throw new AdminError(
    `there is no tenant ${JSON.stringify(idOrName)}: npm run admin -- tenant list shows those that there are`,
  );
}

/** The tenant that may have gone: of a deleted one the id is enough to end what is left of it. */
export async function tenantIdOf(pool: Pool, idOrName: string): Promise<string | undefined> {
  if (isUuid(idOrName)) return idOrName.toLowerCase();
  return (await findTenant(pool, idOrName))?.id;
}

export async function listTenants({ pool }: Admin): Promise<Outcome> {
  const { rows } = await pool.query<Tenant>(`SELECT ${COLUMNS} FROM tenants ORDER BY name, id`);
  const line = ({ id, name, suspended_at: at, suspended_reason: reason }: Tenant) =>
    `${id}  ${name}${at ? `  (suspended ${at.toISOString()}${reason === null ? "" : `: ${reason}`})` : ""}`;
  const lines = rows.length > 0 ? rows.map(line) : ["there are no tenants yet"];
  return { changed: false, lines, data: { tenants: rows } };
}

/** A tenant that has this id, or without an id this name, is left as it is. */
export async function createTenant(admin: Admin, name: string, id: string | undefined): Promise<Outcome> {
  const { pool } = admin;
  const tenant = await inserted(pool, name, id);
  if (tenant.name !== name) {
    throw new AdminError(`${tenant.id} is the id of another tenant, ${JSON.stringify(tenant.name)}`);
  }
  // One that was deleted before may have had this id.
  const reach = tenant.isNew && id !== undefined ? await admin.reach() : undefined;
  await reach?.tellSuspended(tenant.id, false);
  const { isNew, ...shown } = tenant;
  return {
    changed: isNew,
    tenantId: tenant.id,
    lines: [isNew ? `made tenant ${tenant.id}  ${name}` : `tenant ${tenant.id}  ${name} was there already`],
    data: { tenant: shown },
    incomplete: reach?.missed() ?? [],
  };
}

// Any number, as long as everybody who makes tenants uses the same one.
const CREATE_LOCK = 7_310_044_218;

/** One after the other: two scripts that make the same tenant make it once. */
async function inserted(
  pool: Pool,
  name: string,
  id: string | undefined,
): Promise<Tenant & { readonly isNew: boolean }> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [CREATE_LOCK]);
    const known = await findTenant(pool, id ?? name);
    if (known) return { ...known, isNew: false };
    const { rows } = await client.query<Tenant>(
      `INSERT INTO tenants (id, name) VALUES (coalesce($1, gen_random_uuid()), $2) RETURNING ${COLUMNS}`,
      [id, name],
    );
    await client.query("COMMIT");
    if (!rows[0]) throw new Error("tenants: an insert returned no row");
    return { ...rows[0], isNew: true };
  } finally {
    // Without a COMMIT there is nothing to keep, and the lock goes with the transaction.
    await client.query("ROLLBACK");
    client.release();
  }
}

/**
 * The database first, where every read and write of the tenant looks; then the persistent Redis, which is
 * asked about every token; then the tenant's fence, which ends what is cached. Each is done whether or not
 * the others could be.
 */
export async function suspendTenant(
  admin: Admin,
  { id, name, suspended_at: before }: Tenant,
  reason: string | undefined,
): Promise<Outcome> {
  await admin.pool.query(
    `UPDATE tenants SET suspended_at = coalesce(suspended_at, now()), suspended_reason = coalesce($2, suspended_reason)
     WHERE id = $1`,
    [id, reason],
  );
  const reach = await admin.reach();
  await shutOut(reach, id);
  return {
    changed: before === null,
    lines: [before ? `tenant ${id}  ${name} was suspended already` : `suspended tenant ${id}  ${name}`],
    data: { tenant: { id, name } },
    incomplete: reach.missed(),
    notes: inProcessNotes(admin),
  };
}

async function shutOut(reach: Reach, id: string): Promise<void> {
  await reach.tellSuspended(id, true);
  await reach.clear(id, []);
}

export async function resumeTenant(
  admin: Admin,
  { id, name, suspended_at: before }: Tenant,
): Promise<Outcome> {
  await admin.pool.query("UPDATE tenants SET suspended_at = NULL, suspended_reason = NULL WHERE id = $1", [
    id,
  ]);
  const reach = await admin.reach();
  await reach.tellSuspended(id, false);
  return {
    changed: before !== null,
    lines: [before ? `resumed tenant ${id}  ${name}` : `tenant ${id}  ${name} was not suspended`],
    data: { tenant: { id, name } },
    incomplete: reach.missed(),
  };
}

/**
 * Deletes the tenant and every record of it. Its tokens are refused from then on, as a suspended tenant's
 * are.
 */
export async function deleteTenant(admin: Admin, idOrName: string): Promise<Outcome> {
  const tenant = await findTenant(admin.pool, idOrName);
  const id = await tenantIdOf(admin.pool, idOrName);
  if (id === undefined) {
    return {
      changed: false,
      lines: [`there is no tenant ${JSON.stringify(idOrName)}`],
      data: { tenant: null },
    };
  }
  if (tenant) await removeRows(admin, id);
  const reach = await admin.reach();
  await shutOut(reach, id);
  return {
    changed: tenant !== undefined,
    lines: [tenant ? `deleted tenant ${id}  ${tenant.name}` : `there is no tenant ${id}`],
    data: { tenant: tenant ? { id, name: tenant.name } : null },
    noted: tenant ? { name: tenant.name } : {},
    incomplete: reach.missed(),
    notes: inProcessNotes(admin),
  };
}

async function removeRows({ pool, config }: Admin, id: string): Promise<void> {
  // Suspended in a transaction of its own, so that nobody adds to it meanwhile.
  await pool.query("UPDATE tenants SET suspended_at = coalesce(suspended_at, now()) WHERE id = $1", [id]);
  // The rows say which keys there are.
  if (config.subjectKeys) await destroyTenantKeys(pool, new LocalKeyProvider(config.subjectKeys), id);
  const client = await pool.connect();
  try {
    // A large tenant takes longer than a request may.
    await client.query("BEGIN; SET LOCAL statement_timeout = 0");
    await client.query("DELETE FROM tenants WHERE id = $1", [id]);
    await client.query("COMMIT");
  } finally {
    await client.query("ROLLBACK");
    client.release();
  }
}

function inProcessNotes({ config }: Admin): string[] {
  if (config.redisCache) return [];
  return [
    "REDIS_CACHE_URL is not set: what a process has cached in its own memory is not cleared; restart it, or wait for its TTLs",
  ];
}
