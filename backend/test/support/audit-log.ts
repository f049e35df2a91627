// An audit trail whose tree is signed, in a folder of the test's own.
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { CheckpointFiles } from "../../services/audit/checkpoint-file.js";
import type { CheckpointPlace } from "../../services/audit/checkpoint-place.js";
import { Checkpointer, type CheckpointerOptions } from "../../services/audit/checkpointer.js";
import { signerKey } from "../../services/audit/signed-note.js";
import { integrate } from "../../services/audit/tree-store.js";
import type { AuditDatabase } from "./audit-database.js";
import { ACTOR, events, pseudonym, TENANT } from "./audit-events.js";
import { PATIENT_TRAIL } from "./patient.js";

export const LOG_KEY = signerKey("crm.example/audit", Buffer.alloc(32, 7));

export interface AuditLog {
  readonly folder: string;
  readonly files: CheckpointFiles;
  readonly checkpointer: Checkpointer;
  readonly trail: AuditTrail;
  /** Records events, makes leaves of them, and signs the tree. */
  grow(count: number, tenantId?: string): Promise<void>;
  remove(): void;
}

export function openAuditLog(
  { pool }: AuditDatabase,
  more: Partial<CheckpointerOptions> & { readonly folder?: string } = {},
): AuditLog {
  const folder = more.folder ?? mkdtempSync(path.join(os.tmpdir(), "audit-"));
  const files = new CheckpointFiles(folder);
  const places: readonly CheckpointPlace[] = [files];
  const checkpointer = new Checkpointer({ pool, key: LOG_KEY, places, ...more });
  const trail = new AuditTrail({ ...PATIENT_TRAIL, pool, pseudonym, checkpointer });
  let made = 0;
  return {
    folder,
    files,
    checkpointer,
    trail,
    grow: async (count, tenantId = TENANT) => {
      for (let left = count; left > 0; left -= 500)
        await trail.record(tenantId, ACTOR, events(Math.min(left, 500), made));
      made += count;
      while ((await integrate(pool, tenantId))?.added);
      await checkpointer.checkpoint(tenantId);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
