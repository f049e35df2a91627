// A process that records, integrates and signs, and kills itself at a step: `node audit-process.js`, with AUDIT_TEST as JSON.
import type { PoolClient } from "pg";
import pg from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { CheckpointFiles } from "../../services/audit/checkpoint-file.js";
import type { CheckpointPlace } from "../../services/audit/checkpoint-place.js";
import { Checkpointer } from "../../services/audit/checkpointer.js";
import { integrate } from "../../services/audit/tree-store.js";
import { ACTOR, events, pseudonym, TENANT } from "./audit-events.js";
import { LOG_KEY } from "./audit-log.js";
import { PATIENT_TRAIL, patientPool } from "./patient.js";

export interface AuditProcessOptions {
  readonly url: string;
  readonly folder: string;
  /** Before which step it kills itself, from 1 on; none: it goes through. */
  readonly killAt?: number;
  /** Kills itself when the statement of that step has been sent, and not answered. */
  readonly isSent?: boolean;
  /** Integrates and signs for so long, without asking for a lock. */
  readonly raceMs?: number;
}

const options = JSON.parse(process.env.AUDIT_TEST ?? "{}") as AuditProcessOptions;
let step = 0;

/** A step that the process may die at. */
function reach(): boolean {
  step += 1;
  if (step === options.killAt && !options.isSent) process.kill(process.pid, "SIGKILL");
  return step === options.killAt;
}

// Each statement is a step.
const send = pg.Client.prototype.query;
Object.defineProperty(pg.Client.prototype, "query", {
  value: function (this: pg.Client, ...args: unknown[]) {
    const isLast = reach();
    const result: unknown = Reflect.apply(send, this, args);
    // Its bytes leave this process in the next turn of the event loop.
    if (isLast) setImmediate(() => process.kill(process.pid, "SIGKILL"));
    return result;
  },
});

const pool = patientPool(options.url, { max: 3 });
const files = new CheckpointFiles(options.folder);
const place: CheckpointPlace = {
  name: "file",
  latest: (tenantId) => files.latest(tenantId),
  read: (tenantId) => files.read(tenantId),
  publish: async (tenantId, publication) => {
    reach();
    await files.publish(tenantId, {
      ...publication,
      leaves: async function* (from) {
        // One leaf after the other, so that it may die between them.
        for await (const { from: start, leaves } of publication.leaves(from))
          for (let at = 0; at < leaves.length; at += 32) {
            yield { from: start + at / 32, leaves: leaves.subarray(at, at + 32) };
            reach();
          }
      },
    });
    reach();
  },
};
const checkpointer = new Checkpointer({ pool, key: LOG_KEY, places: [place] });
const trail = new AuditTrail({ ...PATIENT_TRAIL, pool, pseudonym, checkpointer });

/** A change, with two records in its transaction. */
const change = (client: PoolClient) =>
  client
    .query("INSERT INTO changes DEFAULT VALUES")
    .then(() => trail.append(client, TENANT, ACTOR, events(2)));

if (options.raceMs === undefined) {
  await withTenant(pool, TENANT, change, { anyTenant: true });
  await integrate(pool, TENANT);
  await checkpointer.checkpoint(TENANT);
} else {
  for (const end = Date.now() + options.raceMs; Date.now() < end; ) {
    // Two at once meet at the primary key, which one of them does not pass.
    await integrate(pool, TENANT, { takeLock: false }).catch((error: Error) => {
      if (!/duplicate key/.test(error.message)) throw error;
    });
    await checkpointer.checkpoint(TENANT, { takeLock: false });
  }
}
await pool.end();
process.stdout.write(`${step}`);
