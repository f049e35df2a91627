// The overlay of a replayed backend: the real services, with keys, trail and synchronisation whose statements are counted for themselves.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import { pino } from "pino";
import { createPool } from "../../backend/db/pool.js";
import { AuditTrail } from "../../backend/services/audit/audit-trail.js";
import { CACHE_TTL, type CacheTtl } from "../../backend/services/overlay/cache-ttl.js";
import { Overlay } from "../../backend/services/overlay/overlay.js";
import { LocalKeyProvider } from "../../backend/services/subjects/local-key-provider.js";
import { SubjectVault } from "../../backend/services/subjects/subject-vault.js";
import { TenantKeys } from "../../backend/services/subjects/tenant-keys.js";
import { tellOverlay } from "../../backend/services/sync/overlay-link.js";
import { SyncService } from "../../backend/services/sync/sync-service.js";
import { countQueries } from "./query-counter.js";
import { HUBSPOT_SECRET, type ReplayedHubspot, startReplayedHubspot } from "./replayed-hubspot.js";

export interface ReplayedOverlay {
  readonly overlay: Overlay;
  readonly sync: SyncService;
  readonly hubspot: ReplayedHubspot;
  /** Statements of the trail, the keys and synchronisation so far: each access is on record, whatever it was answered from. */
  queriesBehind(): number;
  stop(): Promise<void>;
}

export interface ReplayedOverlayOptions {
  readonly databaseUrl: string;
  readonly pool: Pool;
  readonly cache: TenantCache;
  readonly tenantIds: readonly string[];
  /** How many times shorter everything lives. */
  readonly compression: number;
}

/** So many that nobody waits for one until that counts as an outage, however busy the machine is. */
export const PATIENT_CONNECTIONS = 24;
/** What is counted is what is asked, not how fast a busy machine answers. */
const PATIENT_MS = 30_000;

export async function startReplayedOverlay(options: ReplayedOverlayOptions): Promise<ReplayedOverlay> {
  const { databaseUrl, pool, cache, compression, tenantIds } = options;
  const logger = pino({ level: "silent" });
  const behind = createPool({
    databaseUrl,
    max: PATIENT_CONNECTIONS,
    onError: (line) => console.error(line),
  });
  const queriesBehind = countQueries(behind);
  const folder = mkdtempSync(path.join(tmpdir(), "replay-keys-"));
  const provider = new LocalKeyProvider({ keys: [{ id: "first", secret: randomBytes(32) }], folder });
  const tenantKeys = new TenantKeys(behind, provider);
  const audit = new AuditTrail({
    pool: behind,
    pseudonym: (tenantId, subjectId) => tenantKeys.pseudonym(tenantId, subjectId),
    group: { maxWaitMs: PATIENT_MS },
  });
  const vault = new SubjectVault({
    pool: behind,
    provider,
    tenantKeys,
    audit,
    fence: (tenantId, ...tags) => cache.invalidateTags(tenantId, ...tags),
  });
  const hubspot = await startReplayedHubspot();
  const sync = new SyncService({
    pool: behind,
    cache,
    vault,
    audit,
    logger,
    connections: tenantIds.map((tenant, index) => ({
      crm: "hubspot",
      id: randomUUID(),
      tenant,
      client_id: "replay",
      client_secret: HUBSPOT_SECRET,
      refresh_token: "replayed",
      fields: ["firstname", "lastname", "email", "phone"],
      clients: "known",
      erase: true,
      portal_id: index + 1,
      api_url: hubspot.url,
    })),
  });
  const overlay = new Overlay({
    ...{ pool, cache, audit, vault, sources: sync, ttl: ttlOf(compression) },
    sourceBudgetMs: PATIENT_MS,
  });
  tellOverlay(sync, overlay);
  sync.start();
  return {
    overlay,
    sync,
    hubspot,
    queriesBehind,
    stop: async () => {
      await sync.close();
      await overlay.staleKeys.idle();
      await audit.close();
      vault.close();
      await behind.end();
      await hubspot.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Rows live as long as their kind's TTL, so only what is cached may live shorter: hours become seconds, days half an hour. */
function ttlOf(compression: number): CacheTtl {
  return { ...CACHE_TTL, crmClient: CACHE_TTL.crmClient / compression };
}
