// The services of the overlay, and what is known of them all.
import type { AICacheService } from "./ai/ai-cache-service.js";
import type { QueueFigures } from "./ai/ai-holder.js";
import type { AuditTrailService } from "./audit-trail-service.js";
import type { CrmCacheService } from "./crm/crm-cache-service.js";
import type { DocumentCacheService } from "./documents/document-cache-service.js";
import type { OverlayParts } from "./overlay-parts.js";
import type { CommunicationCacheService } from "./records/communication-cache-service.js";
import type { TaskCacheService } from "./records/task-cache-service.js";
import type { SessionCacheService } from "./session-cache-service.js";
import type { Figures } from "./upkeep.js";

/** Of one tenant. */
export interface OverlayStats {
  /** What PostgreSQL holds. */
  readonly rows: Readonly<Record<"clients" | "communications" | "tasks" | "documents", Figures>>;
  readonly aiQueue: QueueFigures;
  /** Hits, misses, entries and bytes in the cache, by the first part of the key. */
  readonly cache: Readonly<Record<string, CacheFigures>>;
}

export interface CacheFigures {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number | null;
  readonly bytes: number | null;
}

/** What one clean-up has removed. */
export interface Cleanup {
  readonly removed: Readonly<Record<string, number>>;
  /** Whether there may be more: a batch was full. */
  readonly more: boolean;
}

export interface OverlayServices {
  readonly parts: OverlayParts;
  readonly sessions: SessionCacheService;
  readonly clients: CrmCacheService;
  readonly communications: CommunicationCacheService;
  readonly tasks: TaskCacheService;
  readonly ai: AICacheService;
  readonly documents: DocumentCacheService;
  readonly audit: AuditTrailService;
  stats(tenantId: string): Promise<OverlayStats>;
  cleanup(tenantId: string): Promise<Cleanup>;
}
