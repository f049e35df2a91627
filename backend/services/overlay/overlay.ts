// The overlay of all tenants: its services, made once for a process, and what goes on behind them.
// Tests: test/integration/overlay-records.test.ts, test/integration/overlay-upkeep.test.ts
import { AICacheService } from "./ai/ai-cache-service.js";
import { aiHolder, queueFigures, removeEndedActions } from "./ai/ai-holder.js";
import { AuditTrailService } from "./audit-trail-service.js";
import { CacheService } from "./cache-service.js";
import { CACHE_TTL, type CacheTtl } from "./cache-ttl.js";
import { clientHolder, crmFigures, removeOldClients } from "./crm/client-holder.js";
import { CrmCacheService } from "./crm/crm-cache-service.js";
import { DocumentCacheService } from "./documents/document-cache-service.js";
import type { Caller } from "./overlay-caller.js";
import type { OverlayParts } from "./overlay-parts.js";
import type { Cleanup, OverlayServices, OverlayStats } from "./overlay-services.js";
import { CommunicationCacheService } from "./records/communication-cache-service.js";
import { recordFigures, recordHolder, removeExpired } from "./records/record-holder.js";
import { TaskCacheService } from "./records/task-cache-service.js";
import { SessionCacheService } from "./session-cache-service.js";
import { StaleKeys } from "./stale-keys.js";

export interface OverlayOptions extends Omit<OverlayParts, "ttl"> {
  /** Seconds. Default: `CACHE_TTL`, of which single values may be replaced. */
  readonly ttl?: Partial<CacheTtl> | undefined;
}

const CLEANED_AT_ONCE = 500;
/** First parts of the keys, which the cache counts by. */
const CACHED = [
  "session",
  "crm_client",
  "communication",
  "client_comms",
  "task",
  "client_tasks",
  "ai_context",
  "document",
  "client_documents",
];

export class Overlay implements OverlayServices {
  readonly parts: OverlayParts;
  readonly sessions: SessionCacheService;
  readonly clients: CrmCacheService;
  readonly communications: CommunicationCacheService;
  readonly tasks: TaskCacheService;
  readonly ai: AICacheService;
  readonly documents: DocumentCacheService;
  readonly audit: AuditTrailService;
  readonly staleKeys: StaleKeys;

  /** Registers what is held about subjects with the vault. */
  constructor({ ttl, ...options }: OverlayOptions) {
    const parts: OverlayParts = { ...options, ttl: { ...CACHE_TTL, ...ttl } };
    this.parts = parts;
    this.staleKeys = new StaleKeys(parts);
    this.sessions = new SessionCacheService(parts);
    this.clients = new CrmCacheService(parts, this.staleKeys);
    this.communications = new CommunicationCacheService(parts, this.staleKeys);
    this.tasks = new TaskCacheService(parts, this.staleKeys);
    this.ai = new AICacheService(parts);
    this.documents = new DocumentCacheService(parts, this.staleKeys);
    this.audit = new AuditTrailService(parts);
    parts.vault.onErase(clientHolder(parts, this.clients));
    parts.vault.onErase(recordHolder(parts, this.communications));
    parts.vault.onErase(recordHolder(parts, this.tasks));
    parts.vault.onErase(recordHolder(parts, this.documents));
    parts.vault.onErase(aiHolder(parts, this.ai));
  }

  /** All calls, for one tenant and request. */
  for(caller: Caller): CacheService {
    return new CacheService(this, caller);
  }

  async stats(tenantId: string): Promise<OverlayStats> {
    const { parts } = this;
    const [clients, communications, tasks, documents, aiQueue, cache] = await Promise.all([
      crmFigures(parts, tenantId),
      recordFigures(parts, this.communications, tenantId),
      recordFigures(parts, this.tasks, tenantId),
      recordFigures(parts, this.documents, tenantId),
      queueFigures(parts, tenantId),
      parts.cache.stats({ tenantId }),
    ]);
    const counted = CACHED.map((name) => {
      const { hits = 0, misses = 0, entries = 0, bytes = 0 } = cache.modules[name] ?? {};
      return [name, { hits, misses, entries, bytes }] as const;
    });
    return {
      rows: { clients, communications, tasks, documents },
      aiQueue,
      cache: Object.fromEntries(counted),
    };
  }

  /** Removes what is over, at most 500 rows of each kind: what the cache holds goes by itself. */
  async cleanup(tenantId: string): Promise<Cleanup> {
    const { parts } = this;
    const removed = {
      clients: await removeOldClients(parts, tenantId, CLEANED_AT_ONCE),
      communications: await removeExpired(parts, this.communications, tenantId, CLEANED_AT_ONCE),
      tasks: await removeExpired(parts, this.tasks, tenantId, CLEANED_AT_ONCE),
      documents: await removeExpired(parts, this.documents, tenantId, CLEANED_AT_ONCE),
      ai_actions: await removeEndedActions(parts, tenantId, CLEANED_AT_ONCE),
    };
    return { removed, more: Object.values(removed).some((count) => count >= CLEANED_AT_ONCE) };
  }
}
