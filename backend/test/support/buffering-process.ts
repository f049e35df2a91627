// A process that buffers records of the audit trail, and is killed with them. Started with the database's URL; it makes one record, and as
// many more as it is told.
import { once } from "node:events";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { ACTOR, event, pseudonym, TENANT } from "./audit-events.js";
import { PATIENT_TRAIL, patientPool } from "./patient.js";

if (process.send) await buffer(process.argv.slice(2));

async function buffer([databaseUrl = ""]: readonly string[]): Promise<void> {
  const pool = patientPool(databaseUrl);
  const trail = new AuditTrail({
    ...PATIENT_TRAIL,
    pool,
    pseudonym,
    buffer: { capacity: 50, flushAfterMs: 3_600_000 },
  });
  const record = (n: number) =>
    trail.record(TENANT, ACTOR, [event(n, { dataClass: "business", entityId: "buffered" })]);
  await record(0);
  process.send?.("opened");
  const [count] = await once(process, "message");
  for (let n = 1; n <= Number(count); n++) await record(n);
  process.send?.(trail.recorder.figures);
  setInterval(() => undefined, 1000);
}
