// All of the audit trail of one process: the trail, the worker behind it, its checkpoints, blocks, and what is said about integrity.
// Tests: test/integration/audit-worker.test.ts
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { AuditConfig } from "../../config/audit-keys.js";
import { Outage } from "../../outage.js";
import { AuditBlocks } from "./audit-blocks.js";
import type { Pseudonym } from "./audit-event.js";
import { AuditTrail } from "./audit-trail.js";
import { AuditWorker } from "./audit-worker.js";
import { CheckpointFiles } from "./checkpoint-file.js";
import { CheckpointObjects } from "./checkpoint-objects.js";
import type { CheckpointPlace } from "./checkpoint-place.js";
import { Checkpointer } from "./checkpointer.js";
import { FolderObjectStore } from "./object-store.js";
import { parseSignerKey, parseVerifierKey } from "./signed-note.js";
import { WitnessClient } from "./witness-client.js";

export interface AuditService {
  readonly checkpointer: Checkpointer;
  readonly blocks: AuditBlocks;
  readonly worker: AuditWorker;
  /** The trail, once somebody knows pseudonyms of subjects. */
  trailWith(pseudonym: Pseudonym): AuditTrail;
  /** Resolves once what was recorded has its place and is signed, or cannot be. */
  close(): Promise<void>;
}

export interface OpenAuditOptions {
  readonly pool: Pool;
  readonly cache: TenantCache;
  readonly config: AuditConfig;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
}

/** The worker is not started: `service.worker.start()`. */
export function openAudit({ pool, cache, config, logger }: OpenAuditOptions): AuditService {
  const checkpointer = openCheckpointer(pool, config, logger);
  const worker = new AuditWorker({
    pool,
    checkpointer,
    logger,
    checkpointMs: config.checkpointSeconds * 1000,
  });
  const trails: AuditTrail[] = [];
  return {
    checkpointer,
    blocks: new AuditBlocks({ pool, cache }),
    worker,
    trailWith: (pseudonym) => {
      const trail = new AuditTrail({ pool, pseudonym, checkpointer, logger });
      trails.push(trail);
      return trail;
    },
    close: async () => {
      // What is buffered first: it has to get its place, too.
      await Promise.all(trails.map((trail) => trail.close()));
      await worker.stop();
    },
  };
}

/** @throws TypeError that names the variable, where a key is none */
export function openCheckpointer(
  pool: Pool,
  { signingKey, formerKeys, checkpointFolder, objectFolder, witnesses }: AuditConfig,
  logger: Pick<Logger, "info" | "warn">,
): Checkpointer {
  const places: CheckpointPlace[] = [
    ...(checkpointFolder === undefined ? [] : [new CheckpointFiles(checkpointFolder)]),
    ...(objectFolder === undefined ? [] : [new CheckpointObjects(new FolderObjectStore(objectFolder))]),
  ];
  const outages = new Map<string, Outage>();
  const outageOf = (where: string) => {
    const known = outages.get(where) ?? new Outage(linesOf(where, logger));
    outages.set(where, known);
    return known;
  };
  return new Checkpointer({
    pool,
    key: named("AUDIT_SIGNING_KEY", () => parseSignerKey(signingKey)),
    formerKeys: named("AUDIT_FORMER_KEYS", () => formerKeys.map(parseVerifierKey)),
    places,
    witnesses: named("AUDIT_WITNESSES", () =>
      witnesses.map(({ url, key }) => new WitnessClient({ url, key: parseVerifierKey(key) })),
    ),
    onTrouble: (where, { message }) => outageOf(where).failed(message),
    onWorked: (where) => outageOf(where).worked(),
  });
}

/** Says which variable it is: the configuration has looked at the form of a key alone. */
function named<T>(variable: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new TypeError(`${variable}: ${(error as Error).message}`);
  }
}

const linesOf = (where: string, logger: Pick<Logger, "info" | "warn">) => ({
  began: (reason: string) => logger.warn(`audit: checkpoints do not reach the ${where} (${reason})`),
  ended: (seconds: number) => logger.info(`audit: checkpoints reach the ${where} again, after ${seconds} s`),
});
