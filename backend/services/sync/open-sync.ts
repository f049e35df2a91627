// Synchronisation of a process, as the configuration says.
// Tests: test/faults/sync-server.test.ts
import type { Config } from "../../config.js";
import { SyncService, type SyncServiceOptions } from "./sync-service.js";

/** `undefined` where no tenant is connected to another CRM. */
export function openSync(
  { crmConnections, SYNC_REPLAY_SECONDS }: Pick<Config, "crmConnections" | "SYNC_REPLAY_SECONDS">,
  parts: Omit<SyncServiceOptions, "connections" | "replayEveryMs" | "limits">,
): SyncService | undefined {
  if (crmConnections.length === 0) return undefined;
  const { pool, cache, logger, vault, audit } = parts;
  const replayEveryMs = SYNC_REPLAY_SECONDS * 1000;
  return new SyncService({ pool, cache, logger, vault, audit, connections: crmConnections, replayEveryMs });
}
