// An overlay over a migrated database and a Redis, as processes have it: with the real vault and the real trail.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createTenantCache, type TenantCache } from "express-tenant-cache";
import { Redis } from "ioredis";
import type { Pool } from "pg";
import { createMigratedDatabase, startRedisServer } from "../../servers/index.js";
import { AuditTrail, type Purpose } from "../../services/audit/audit-trail.js";
import type { CacheService } from "../../services/overlay/cache-service.js";
import { Overlay, type OverlayOptions } from "../../services/overlay/overlay.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { SubjectVault } from "../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../services/subjects/tenant-keys.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "./caches.js";
import { PATIENT_MS, PATIENT_TRAIL, patientPool } from "./patient.js";

export const TENANT = "aaaaaaaa-0000-4000-8000-000000000032";
export const OTHER_TENANT = "bbbbbbbb-0000-4000-8000-000000000032";
export const ADA = "11111111-0000-4000-8000-0000000000ad";
export const BOB = "11111111-0000-4000-8000-0000000000b0";
export const CHIEF = "11111111-0000-4000-8000-0000000000c4";

export interface OverlayProcess {
  readonly overlay: Overlay;
  readonly cache: TenantCache;
  readonly vault: SubjectVault;
  readonly pool: Pool;
  readonly trail: AuditTrail;
  /** As an agent. */
  as(agentId: string, purpose?: Purpose): CacheService;
  supervisor(purpose?: Purpose): CacheService;
  close(): Promise<void>;
}

export interface OverlayDatabase extends OverlayProcess {
  readonly url: string;
  readonly redisUrl: string;
  readonly keyPrefix: string;
  readonly folder: string;
  readonly secret: string;
  /** Of the cache. */
  readonly redis: Redis;
  /** Keys below the tenant's prefix, without it. */
  keys(pattern: string): Promise<string[]>;
  /** Another process over the same servers. */
  process(changes?: Partial<OverlayOptions>): Promise<OverlayProcess>;
}

export interface OverlaySettings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly keyPrefix: string;
  readonly folder: string;
  /** Of the wrapping key, hex. */
  readonly secret: string;
}

/** @param changes of the overlay */
export async function openOverlay(
  { databaseUrl, ...settings }: OverlaySettings,
  changes: Partial<OverlayOptions> = {},
): Promise<OverlayProcess> {
  const [pool, own] = [patientPool(databaseUrl), patientPool(databaseUrl, { max: 4 })];
  const cache = createTenantCache({
    redis: settings.redisUrl,
    keyPrefix: settings.keyPrefix,
    tenant: () => undefined,
    ...PATIENT,
    logger: quiet,
  });
  if (!(await cache.ready(READY_WITHIN_MS))) throw new Error("the redis store is not reachable");
  const keys = [{ id: "first", secret: Buffer.from(settings.secret, "hex") }];
  const provider = new LocalKeyProvider({ keys, folder: settings.folder });
  const tenantKeys = new TenantKeys(own, provider);
  const trail = new AuditTrail({
    ...PATIENT_TRAIL,
    pool: own,
    pseudonym: (tenantId, subjectId) => tenantKeys.pseudonym(tenantId, subjectId),
  });
  const vault = new SubjectVault({
    pool: own,
    provider,
    tenantKeys,
    audit: trail,
    fence: (tenantId, ...tags) => cache.invalidateTags(tenantId, ...tags),
    stepBudgetMs: PATIENT_MS,
  });
  const overlay = new Overlay({ pool, cache, audit: trail, vault, ...changes });
  const caller = (id: string, role: string, purpose: Purpose = "TREAT") =>
    overlay.for({ tenantId: TENANT, actor: { id, role }, purpose });
  return {
    overlay,
    cache,
    vault,
    pool,
    trail,
    as: (agentId, purpose) => caller(agentId, "agent", purpose),
    supervisor: (purpose) => caller(CHIEF, "supervisor", purpose),
    close: async () => {
      await overlay.staleKeys.idle();
      await trail.close();
      vault.close();
      await cache.close();
      await Promise.all([pool.end(), own.end()]);
    },
  };
}

/** @param redisUrl of the cache; default: a server of the test's own, which it may flush */
export async function startOverlay(
  changes: Partial<OverlayOptions> = {},
  redisUrl?: string,
): Promise<OverlayDatabase> {
  const [database, server] = await Promise.all([
    createMigratedDatabase(),
    redisUrl === undefined ? startRedisServer() : undefined,
  ]);
  const folder = mkdtempSync(path.join(tmpdir(), "overlay-secrets-"));
  const settings: OverlaySettings = {
    databaseUrl: database.url,
    redisUrl: redisUrl ?? server?.url ?? "",
    keyPrefix: `overlay-test:${randomUUID()}:`,
    folder,
    secret: randomBytes(32).toString("hex"),
  };
  const first = await openOverlay(settings, changes);
  await first.pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'A'), ($2, 'B')", [
    TENANT,
    OTHER_TENANT,
  ]);
  const redis = new Redis(settings.redisUrl);
  redis.on("error", () => undefined);
  const others: OverlayProcess[] = [];
  const prefix = `${settings.keyPrefix}tenant:${TENANT}:`;
  return {
    ...first,
    ...settings,
    url: database.url,
    redis,
    keys: async (pattern) =>
      (await redis.keys(`${prefix}${pattern}`)).map((key) => key.slice(prefix.length)).sort(),
    process: async (more = {}) => {
      const other = await openOverlay(settings, { ...changes, ...more });
      others.push(other);
      return other;
    },
    close: async () => {
      for (const other of others) await other.close();
      await first.close();
      redis.disconnect();
      await server?.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const communication = (more: object = {}) => ({
  client_id: "hubspot:1",
  channel: "email",
  direction: "inbound",
  subject: "Your appointment",
  body: "See you on Tuesday, says Ada Lovelace.",
  occurred_at: "2026-03-31T08:00:00.000Z",
  ...more,
});
