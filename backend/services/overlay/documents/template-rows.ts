// Templates of a tenant, by version: a version that is there is never changed. Each query runs inside a tenant's transaction.
// Tests: test/integration/overlay-documents.test.ts
import type { PoolClient } from "pg";
import type { Format } from "./render-template.js";

export interface Template {
  readonly name: string;
  readonly version: number;
  readonly format: Format;
  readonly body: string;
  readonly created_by: string;
  readonly created_at: Date;
}

export const MAX_TEMPLATES = 200;
const MAX_VERSIONS = 1000;

/** The newest version of each, without the bodies. */
export async function listTemplates(client: PoolClient, tenantId: string): Promise<Omit<Template, "body">[]> {
  const { rows } = await client.query<Omit<Template, "body">>(
    `SELECT DISTINCT ON (name) name, version, format, created_by, created_at FROM overlay_templates
     WHERE tenant_id = $1 ORDER BY name, version DESC LIMIT $2`,
    [tenantId, MAX_TEMPLATES],
  );
  return rows;
}

/** @param version default: the newest */
export async function findTemplate(
  client: PoolClient,
  tenantId: string,
  name: string,
  version?: number,
): Promise<Template | undefined> {
  const { rows } = await client.query<Template>(
    `SELECT name, version, format, body, created_by, created_at FROM overlay_templates
     WHERE tenant_id = $1 AND name = $2 AND ($3::integer IS NULL OR version = $3) ORDER BY version DESC LIMIT 1`,
    [tenantId, name, version ?? null],
  );
  return rows[0];
}

/** The next version. @returns `undefined` where the tenant has too many templates, or this one too many versions */
export async function addTemplate(
  client: PoolClient,
  tenantId: string,
  template: Pick<Template, "name" | "format" | "body" | "created_by">,
): Promise<Template | undefined> {
  // One after the other: each gets a number of its own.
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 33))", [tenantId]);
  const { rows } = await client.query<Template>(
    `INSERT INTO overlay_templates (tenant_id, name, version, format, body, created_by)
     SELECT $1, $2, 1 + coalesce(max(version), 0), $3, $4, $5 FROM overlay_templates WHERE tenant_id = $1 AND name = $2
     HAVING coalesce(max(version), 0) < $6 AND (count(*) > 0 OR
       (SELECT count(DISTINCT name) FROM overlay_templates WHERE tenant_id = $1) < $7)
     RETURNING name, version, format, body, created_by, created_at`,
    [
      tenantId,
      template.name,
      template.format,
      template.body,
      template.created_by,
      MAX_VERSIONS,
      MAX_TEMPLATES,
    ],
  );
  return rows[0];
}
