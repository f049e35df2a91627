// The vault of a process, and what goes on behind it, as the configuration says.
// Tests: test/integration/subject-upkeep.test.ts
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { SubjectKeys } from "../../config/subject-keys.js";
import type { Pseudonym } from "../audit/audit-event.js";
import type { AuditTrail } from "../audit/audit-trail.js";
import { LocalKeyProvider } from "./local-key-provider.js";
import { SubjectUpkeep } from "./subject-upkeep.js";
import { SubjectVault } from "./subject-vault.js";
import { TenantKeys } from "./tenant-keys.js";
import { watchedProvider } from "./watched-provider.js";

export interface OpenSubjectsOptions<Trail> {
  readonly keys: SubjectKeys;
  /** Of the vault's own: see {@link SubjectVault}. The caller ends it. */
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "invalidateTags">;
  /** Makes the audit trail, which needs pseudonyms, and which the vault needs. */
  readonly audit: (pseudonym: Pseudonym) => Trail;
  readonly logger: Logger;
}

export interface Subjects<Trail> {
  readonly vault: SubjectVault;
  readonly audit: Trail;
  /** Finishes erasures and re-wraps keys from now on: once all holders are registered. */
  start(): void;
  stop(): Promise<void>;
}

export function openSubjects<Trail extends Pick<AuditTrail, "append">>({
  keys,
  pool,
  cache,
  audit,
  logger,
}: OpenSubjectsOptions<Trail>): Subjects<Trail> {
  const provider = watchedProvider(new LocalKeyProvider(keys), logger);
  const tenantKeys = new TenantKeys(pool, provider);
  const trail = audit((tenantId, subjectId) => tenantKeys.pseudonym(tenantId, subjectId));
  const vault = new SubjectVault({
    pool,
    provider,
    tenantKeys,
    audit: trail,
    fence: (tenantId, ...tags) => cache.invalidateTags(tenantId, ...tags),
  });
  const upkeep = new SubjectUpkeep({ pool, provider, vault, logger });
  return {
    vault,
    audit: trail,
    start: () => void upkeep.start(),
    stop: async () => {
      await upkeep.stop();
      vault.close();
    },
  };
}
