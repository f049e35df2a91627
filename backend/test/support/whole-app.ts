// The app with all that can be mounted, to look at its routes: behind those of the overlay and of synchronisation there is nothing that works.
import type { Express } from "express";
import type { AuditRoutesOptions } from "../../services/audit/routes/audit-routes.js";
import { Overlay, type OverlayOptions } from "../../services/overlay/overlay.js";
import type { SubjectRoutesOptions } from "../../services/subjects/subject-routes.js";
import type { SyncService } from "../../services/sync/sync-service.js";
import type { AuthCrm } from "./auth-crm.js";
import { openCache } from "./caches.js";

/** @param auth with logging in, so that its routes are there */
export async function wholeApp({ crm }: AuthCrm): Promise<Express> {
  const { pool } = crm;
  const cache = await openCache("memory", { tenant: (req) => req.auth?.tenantId });
  const nothing = { onErase: () => undefined } as unknown;
  const parts = { pool, cache, audit: nothing, vault: nothing } as OverlayOptions;
  return crm.twin({
    cache,
    overlay: new Overlay(parts),
    subjects: nothing as SubjectRoutesOptions,
    audit: { trail: { recorder: {} } } as unknown as AuditRoutesOptions,
    sync: { context: {}, links: [] } as unknown as SyncService,
  });
}
