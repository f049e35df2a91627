// A migrated database with two tenants, and vaults over it as processes have them.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Pool } from "pg";
import { migrate } from "../../db/migrate.js";
import { createPool } from "../../db/pool.js";
import { createTestDatabase } from "../../servers/index.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { SubjectVault, type SubjectVaultOptions } from "../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../services/subjects/tenant-keys.js";

export const TENANT = "aaaaaaaa-0000-4000-8000-000000000031";
export const OTHER_TENANT = "bbbbbbbb-0000-4000-8000-000000000031";

/** A wrapping key that nobody else has. */
export const wrappingKey = (id: string) => ({ id, secret: randomBytes(32) });

export interface SubjectDatabase {
  readonly url: string;
  readonly pool: Pool;
  readonly folder: string;
  readonly keys: ReturnType<typeof wrappingKey>[];
  readonly trail: AuditTrail;
  /** With a memory of its own, as another process has. */
  vault(changes?: Partial<SubjectVaultOptions>): SubjectVault;
  close(): Promise<void>;
}

export async function startSubjectDatabase(): Promise<SubjectDatabase> {
  const database = await createTestDatabase();
  await migrate(database.url, () => undefined);
  const pool = createPool({ databaseUrl: database.url, onError: () => undefined });
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'Tenant'), ($2, 'Other')", [
    TENANT,
    OTHER_TENANT,
  ]);
  const folder = mkdtempSync(path.join(tmpdir(), `subject-secrets-${randomUUID()}-`));
  const keys = [wrappingKey("first")];
  const provider = new LocalKeyProvider({ keys, folder });
  const tenantKeys = new TenantKeys(pool, provider);
  const trail = new AuditTrail({
    pool,
    pseudonym: (tenantId, subjectId) => tenantKeys.pseudonym(tenantId, subjectId),
  });
  const vaults: SubjectVault[] = [];
  return {
    url: database.url,
    pool,
    folder,
    keys,
    trail,
    vault: (changes) => {
      const vault = new SubjectVault({
        pool,
        provider,
        audit: trail,
        fence: async () => true,
        ...changes,
      });
      vaults.push(vault);
      return vault;
    },
    close: async () => {
      for (const vault of vaults) vault.close();
      tenantKeys.clear();
      await pool.end();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
