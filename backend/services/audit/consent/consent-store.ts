// Consents of subjects, by version: set, changed, revoked, and asked whether they cover a purpose.
// Tests: test/integration/audit-consent.test.ts
import type { PoolClient } from "pg";
import { conflict, notFound } from "../../../http/problem.js";
import type { ConsentReference, Purpose } from "../audit-event.js";

export interface Consent {
  readonly id: string;
  readonly version: number;
  /** Pseudonym. */
  readonly subject: string;
  readonly purposes: readonly Purpose[];
  readonly valid_from: Date;
  readonly valid_until: Date | null;
  readonly revoked_at: Date | null;
  readonly changed_by: string;
  readonly changed_at: Date;
}

/** What a subject agrees to. */
export interface ConsentTerms {
  readonly purposes: readonly Purpose[];
  /** Default: from now on. */
  readonly valid_from?: Date | undefined;
  /** Exclusive. Default: until it is revoked. */
  readonly valid_until?: Date | undefined;
}

/** Whether one of the subject's consents covers the purpose. */
export interface ConsentAsk {
  readonly subject: string;
  readonly purpose: Purpose;
}

const COLUMNS = "id, version, subject, purposes, valid_from, valid_until, revoked_at, changed_by, changed_at";
/** Keeps these locks apart from others' in the same space. */
const LOCK_SEED = 34;

/**
 * Those who read a subject's data hold this lock together, and who changes a consent holds it alone. A change is therefore committed
 * before or after a read's record, and never between a read's look at the consent and its record.
 */
async function lockSubjects(
  client: PoolClient,
  tenantId: string,
  subjects: readonly string[],
  mode: "shared" | "alone",
): Promise<void> {
  const lock = mode === "shared" ? "pg_advisory_xact_lock_shared" : "pg_advisory_xact_lock";
  // In one order for everybody.
  await client.query(
    `SELECT ${lock}(hashtextextended($1 || subject, ${LOCK_SEED}))
     FROM (SELECT DISTINCT subject FROM unnest($2::text[]) AS s (subject) ORDER BY 1) AS subjects`,
    [`${tenantId.toLowerCase()}:`, subjects],
  );
}

/** In the caller's transaction. @returns for each ask the consent that covers it; `undefined` where none does */
export async function coveringConsents(
  client: PoolClient,
  tenantId: string,
  asks: readonly ConsentAsk[],
): Promise<(ConsentReference | undefined)[]> {
  const subjects = asks.map(({ subject }) => subject);
  await lockSubjects(client, tenantId, subjects, "shared");
  // Not now(): that is when the transaction began, and it may have waited for the lock.
  const { rows } = await client.query<{ n: number; id: string; version: number }>(
    `SELECT DISTINCT ON (a.n) a.n::int AS n, c.id, c.version
     FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS a (subject, purpose, n)
     CROSS JOIN LATERAL (
       SELECT DISTINCT ON (id) * FROM subject_consents
       WHERE tenant_id = $1 AND subject = a.subject ORDER BY id, version DESC
     ) AS c
     WHERE a.purpose = ANY (c.purposes) AND c.revoked_at IS NULL AND c.valid_from <= clock_timestamp()
       AND (c.valid_until IS NULL OR c.valid_until > clock_timestamp())
     ORDER BY a.n, c.changed_at DESC, c.id`,
    [tenantId, subjects, asks.map(({ purpose }) => purpose)],
  );
  const byAsk = new Map(rows.map(({ n, id, version }) => [n, { id, version }]));
  return asks.map((_ask, index) => byAsk.get(index + 1));
}

/** The newest version of each of a subject's consents, the newest first. */
export async function consentsOf(client: PoolClient, tenantId: string, subject: string): Promise<Consent[]> {
  const { rows } = await client.query<Consent>(
    `SELECT * FROM (
       SELECT DISTINCT ON (id) ${COLUMNS} FROM subject_consents
       WHERE tenant_id = $1 AND subject = $2 ORDER BY id, version DESC
     ) AS newest ORDER BY changed_at DESC, id LIMIT 200`,
    [tenantId, subject],
  );
  return rows;
}

/** All versions of one consent, the newest first. */
export async function versionsOf(client: PoolClient, tenantId: string, id: string): Promise<Consent[]> {
  const { rows } = await client.query<Consent>(
    `SELECT ${COLUMNS} FROM subject_consents WHERE tenant_id = $1 AND id = $2 ORDER BY version DESC LIMIT 200`,
    [tenantId, id],
  );
  return rows;
}

export async function addConsent(
  client: PoolClient,
  tenantId: string,
  subject: string,
  terms: ConsentTerms,
  changedBy: string,
): Promise<Consent> {
  await lockSubjects(client, tenantId, [subject], "alone");
  const { purposes, valid_from, valid_until } = terms;
  const { rows } = await client.query<Consent>(
    `INSERT INTO subject_consents (tenant_id, version, subject, purposes, valid_from, valid_until, changed_by)
     VALUES ($1, 1, $2, $3, coalesce($4, clock_timestamp()), $5, $6) RETURNING ${COLUMNS}`,
    [tenantId, subject, purposes, valid_from, valid_until, changedBy],
  );
  return only(rows);
}

/**
 * Another version, with other terms or revoked.
 * @throws HttpProblem 404 where there is no such consent; 409 where it is revoked already
 */
export async function changeConsent(
  client: PoolClient,
  tenantId: string,
  id: string,
  change: ConsentTerms | "revoke",
  changedBy: string,
): Promise<Consent> {
  const [known] = await versionsOf(client, tenantId, id);
  if (!known) throw notFound("There is no consent with this id.");
  await lockSubjects(client, tenantId, [known.subject], "alone");
  const [newest = known] = await versionsOf(client, tenantId, id);
  if (newest.revoked_at) throw conflict("The consent is revoked. Who agrees again gives a new one.");
  const terms = change === "revoke" ? newest : change;
  const { rows } = await client.query<Consent>(
    `INSERT INTO subject_consents
       (tenant_id, id, version, subject, purposes, valid_from, valid_until, revoked_at, changed_by, changed_at)
     VALUES ($1, $2, $3, $4, $5, coalesce($6, clock_timestamp()), $7,
       CASE WHEN $8 THEN clock_timestamp() END, $9, clock_timestamp()) RETURNING ${COLUMNS}`,
    [
      tenantId,
      id,
      newest.version + 1,
      newest.subject,
      terms.purposes,
      terms.valid_from,
      terms.valid_until,
      change === "revoke",
      changedBy,
    ],
  );
  return only(rows);
}

function only(rows: readonly Consent[]): Consent {
  const [row] = rows;
  if (!row) throw new Error("INSERT returned nothing");
  return row;
}
