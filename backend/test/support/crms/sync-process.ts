// A process of its own that synchronises until it is killed. What it works with comes in SYNC_PROCESS, as JSON.
import { createTenantCache } from "express-tenant-cache";
import { pino } from "pino";
import type { CrmConnection } from "../../../config/crm-connections.js";
import { AuditTrail } from "../../../services/audit/audit-trail.js";
import { LocalKeyProvider } from "../../../services/subjects/local-key-provider.js";
import { SubjectVault } from "../../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../../services/subjects/tenant-keys.js";
import { SyncService } from "../../../services/sync/sync-service.js";
import { PATIENT_TRAIL, patientPool } from "../patient.js";

export interface SyncProcessParts {
  readonly databaseUrl: string;
  readonly folder: string;
  readonly keys: readonly { readonly id: string; readonly secret: string }[];
  readonly connection: CrmConnection;
}

const given = process.env.SYNC_PROCESS;
if (given !== undefined) {
  const { databaseUrl, folder, keys, connection } = JSON.parse(given) as SyncProcessParts;
  const pool = patientPool(databaseUrl);
  const own = patientPool(databaseUrl, { max: 3 });
  const provider = new LocalKeyProvider({
    keys: keys.map(({ id, secret }) => ({ id, secret: Buffer.from(secret, "base64") })),
    folder,
  });
  const tenantKeys = new TenantKeys(own, provider);
  const pseudonym = (tenantId: string, subjectId: string) => tenantKeys.pseudonym(tenantId, subjectId);
  const audit = new AuditTrail({ ...PATIENT_TRAIL, pool: own, pseudonym });
  const vault = new SubjectVault({ pool: own, provider, tenantKeys, audit, fence: async () => true });
  const cache = createTenantCache({ tenant: () => connection.tenant });
  const logger = pino({ level: "silent" });
  new SyncService({
    pool,
    cache,
    vault,
    audit,
    logger,
    connections: [connection],
    replayEveryMs: 300,
  }).start();
  process.on("disconnect", () => process.exit(1));
  setInterval(() => undefined, 1000);
  process.send?.("started");
}
