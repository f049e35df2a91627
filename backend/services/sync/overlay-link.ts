// Synchronisation and the overlay's clients: the one asks for what it has not, the other says what is old.
// Tests: test/http/sync-overlay.test.ts
import { HttpProblem } from "../../http/problem.js";
import type { Overlay } from "../overlay/overlay.js";
import type { SyncService } from "./sync-service.js";

/** Clients that the overlay knows hear of each change there; of others there is nothing to tell. */
export function tellOverlay(sync: SyncService, overlay: Pick<Overlay, "clients">): void {
  sync.onClientChanged(async (tenantId, crmSystem, crmId, status, reason) => {
    const caller = { tenantId, actor: { id: `connector:${crmSystem}`, role: "connector" } };
    try {
      await overlay.clients.setSyncStatus(caller, crmSystem, crmId, status, reason);
    } catch (error) {
      // Not known there, or erased.
      if (!(error instanceof HttpProblem && (error.status === 404 || error.status === 410))) throw error;
    }
  });
}
