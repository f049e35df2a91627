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
  /** How many times shorter everything lives; `undefined`: nothing is kept. */
  readonly compression: number | undefined;
}

export async function startReplayedOverlay(options: ReplayedOverlayOptions): Promise<ReplayedOverlay> {
  const { databaseUrl, pool, compression, tenantIds } = options;
  const cache = compression === undefined ? keepingNothing(options.cache) : options.cache;
  const logger = pino({ level: "silent" });
  const behind = createPool({ databaseUrl, onError: (line) => console.error(line) });
  const queriesBehind = countQueries(behind);
  const folder = mkdtempSync(path.join(tmpdir(), "replay-keys-"));
  const provider = new LocalKeyProvider({ keys: [{ id: "first", secret: randomBytes(32) }], folder });
  const tenantKeys = new TenantKeys(behind, provider);
  const audit = new AuditTrail({
    pool: behind,
    pseudonym: (tenantId, subjectId) => tenantKeys.pseudonym(tenantId, subjectId),
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
    cache: options.cache,
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
    // What is counted is what is asked of the other CRM, not how fast a busy machine answers.
    sourceBudgetMs: 30_000,
  });
  sync.onClientChanged(async (tenantId, crmSystem, crmId) => {
    const actor = { id: `connector:${crmSystem}`, role: "connector" };
    const told = overlay.clients.setSyncStatus({ tenantId, actor }, crmSystem, crmId, "stale");
    // Nobody here has asked for that client yet.
    await told.catch(() => undefined);
  });
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
function ttlOf(compression: number | undefined): Partial<CacheTtl> {
  if (compression === undefined) return {};
  return { ...CACHE_TTL, crmClient: CACHE_TTL.crmClient / compression };
}

/** The same cache, in whose collections nothing stays. */
function keepingNothing(cache: TenantCache): TenantCache {
  const { manager } = cache;
  return {
    ...bound(cache),
    manager: {
      ...bound(manager),
      collection: (key: string, options: object) =>
        manager.collection(key, { ...options, ttlSeconds: () => 0 }),
    },
  } as unknown as TenantCache;
}

/** Methods of a class, with what they are methods of. */
function bound<Instance extends object>(instance: Instance): Record<string, unknown> {
  const names = new Set([
    ...Object.getOwnPropertyNames(Object.getPrototypeOf(instance)),
    ...Object.getOwnPropertyNames(instance),
  ]);
  return Object.fromEntries(
    [...names].map((name) => {
      const value: unknown = Reflect.get(instance, name);
      return [name, typeof value === "function" ? value.bind(instance) : value];
    }),
  );
}
