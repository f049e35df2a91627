// A migrated database with two tenants, and vaults over it as processes have them.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Pool } from "pg";
import { createMigratedDatabase } from "../../servers/index.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { SubjectVault, type SubjectVaultOptions } from "../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../services/subjects/tenant-keys.js";
import { PATIENT_MS, PATIENT_TRAIL, patientPool } from "./patient.js";

export const TENANT = "aaaaaaaa-0000-4000-8000-000000000031";
export const OTHER_TENANT = "bbbbbbbb-0000-4000-8000-000000000031";

/** A wrapping key that nobody else has. */
export const wrappingKey = (id: string) => ({ id, secret: randomBytes(32) });

export interface SubjectDatabase {
  readonly url: string;
  readonly pool: Pool;
  readonly folder: string;
  readonly keys: readonly ReturnType<typeof wrappingKey>[];
  readonly provider: LocalKeyProvider;
  readonly trail: AuditTrail;
  /** With a memory of its own, as another process has. */
  vault(changes?: Partial<SubjectVaultOptions>): SubjectVault;
  close(): Promise<void>;
}

export async function startSubjectDatabase(): Promise<SubjectDatabase> {
  const database = await createMigratedDatabase();
  const pool = patientPool(database.url);
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'Tenant'), ($2, 'Other')", [
    TENANT,
    OTHER_TENANT,
  ]);
  const folder = mkdtempSync(path.join(tmpdir(), `subject-secrets-${randomUUID()}-`));
  const keys = [wrappingKey("first")];
  const provider = new LocalKeyProvider({ keys, folder });
  const closing: (() => void)[] = [];
  const trailOver = (tenantKeys: TenantKeys) =>
    new AuditTrail({
      ...PATIENT_TRAIL,
      pool,
      pseudonym: (tenantId, subjectId) => tenantKeys.pseudonym(tenantId, subjectId),
    });
  const keysOf = (changes: Partial<SubjectVaultOptions>) => {
    const tenantKeys = new TenantKeys(pool, changes.provider ?? provider);
    closing.push(() => tenantKeys.clear());
    return tenantKeys;
  };
  return {
    url: database.url,
    pool,
    folder,
    keys,
    provider,
    trail: trailOver(keysOf({})),
    vault: (changes = {}) => {
      const tenantKeys = keysOf(changes);
      const vault = new SubjectVault({
        pool,
        provider,
        tenantKeys,
        audit: trailOver(tenantKeys),
        fence: async () => true,
        stepBudgetMs: PATIENT_MS,
        ...changes,
      });
      closing.push(() => vault.close());
      return vault;
    },
    close: async () => {
      for (const close of closing) close();
      await pool.end();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
