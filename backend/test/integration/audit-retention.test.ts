// Retention: by class, never what is on hold, and what stays is still proven.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import { afterTest } from "../../servers/in-test.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { PolicyStore } from "../../services/audit/policy/class-policy.js";
import { pruneRecords } from "../../services/audit/pruning.js";
import { releaseHold, setHold } from "../../services/audit/retention/legal-holds.js";
import { type ClassRetention, pruneTenant } from "../../services/audit/retention/prune.js";
import {
  ACTOR,
  type AuditDatabase,
  event,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { type AuditLog, openAuditLog } from "../support/audit-log.js";
import { PATIENT_TRAIL } from "../support/patient.js";

const DAY_MS = 86_400_000;

describe("retention", () => {
  let database: AuditDatabase;
  let log: AuditLog;
  beforeAll(async () => {
    database = await startAuditDatabase();
    log = openAuditLog(database);
  });
  afterAll(async () => {
    log.remove();
    await database.close();
  });

  const inTenant = <T>(work: (client: PoolClient) => Promise<T>) => withTenant(database.pool, TENANT, work);
  /** Records made so many days ago, with a place in the tree. */
  const grow = async (daysAgo: number, ...made: Parameters<typeof event>[1][]) => {
    const now = () => Date.now() - daysAgo * DAY_MS;
    const trail = new AuditTrail({ ...PATIENT_TRAIL, pool: database.pool, pseudonym, now });
    // Refusals are recorded at once, whatever their class.
    await trail.record(
      TENANT,
      ACTOR,
      made.map((more, n) => event(n, { outcome: "refused", ...more })),
    );
    await log.grow(1);
  };
  const prune = (
    isDryRun = false,
    onPruned?: (tenantId: string, indexes: readonly number[]) => Promise<void>,
  ) =>
    pruneTenant({
      pool: database.pool,
      tenantId: TENANT,
      isDryRun,
      dependencies: { pseudonym },
      ...(onPruned && { onPruned }),
    });
  const counts = (report: readonly ClassRetention[]) =>
    Object.fromEntries(report.map(({ dataClass, over, held }) => [dataClass, [over, held]]));
  const entities = async () => {
    const { rows } = await database.pool.query(
      "SELECT entity_id FROM audit_records WHERE content IS NOT NULL AND entity_type = 'communication' ORDER BY leaf_index",
    );
    return rows.map(({ entity_id }) => entity_id).filter((id) => id.startsWith("r-"));
  };

  test("six years for all, less for business where the tenant says so; a dry run changes nothing", async () => {
    await grow(2200, { entityId: "r-phi-old" }, { entityId: "r-business-old", dataClass: "business" });
    await grow(2180, { entityId: "r-phi-young" }, { entityId: "r-business-young", dataClass: "business" });
    await grow(40, { entityId: "r-business-new", dataClass: "business" });
    assert.deepEqual(counts(await prune(true)), { phi: [1, 0], personal: [0, 0], business: [1, 0] });
    assert.equal((await entities()).length, 5);
    await inTenant((client) =>
      new PolicyStore(database.pool).write(
        client,
        TENANT,
        "business",
        { mode: "buffer", retention_days: 365, purposes_without_consent: [] },
        "somebody",
      ),
    );
    const gone: number[] = [];
    const report = await prune(false, async (_tenantId, indexes) => void gone.push(...indexes));
    assert.deepEqual(counts(report), { phi: [1, 0], personal: [0, 0], business: [2, 0] });
    assert.equal(gone.length, 3);
    assert.deepEqual(await entities(), ["r-phi-young", "r-business-new"]);
    await log.grow(1);
    const integrity = await log.trail.verifyAuditIntegrity(TENANT);
    assert.deepEqual(integrity.errors, []);
    assert.equal(integrity.provenSize, integrity.size);
    const { rows } = await database.pool.query(
      "SELECT content::jsonb -> 'detail' ->> 'reason' AS reason FROM audit_records WHERE entity_type = 'audit_record' ORDER BY leaf_index",
    );
    assert.deepEqual(
      rows.map(({ reason }) => reason),
      ["retention: phi, 2192 days", "retention: business, 365 days"],
    );
    assert.deepEqual(counts(await prune()), { phi: [0, 0], personal: [0, 0], business: [0, 0] });
  });

  test("a legal hold wins until it is released: of a subject, of an entity, of a kind, and of all", async () => {
    const subject = await pseudonym(TENANT, "salesforce:held");
    await grow(
      3000,
      { entityId: "r-subject", subjectId: "salesforce:held" },
      { entityId: "r-entity" },
      { entityId: "r-free" },
    );
    const holds = [
      await inTenant((client) => setHold(client, TENANT, { subject }, "a lawsuit", "somebody")),
      await inTenant((client) =>
        setHold(client, TENANT, { entityType: "communication", entityId: "r-entity" }, "another", "somebody"),
      ),
    ];
    assert.deepEqual(counts(await prune()).phi, [1, 2]);
    assert.deepEqual((await entities()).slice(2), ["r-subject", "r-entity"]);
    for (const { id } of holds) await inTenant((client) => releaseHold(client, TENANT, id, "somebody"));
    for (const scope of [{ entityType: "communication" }, {}]) {
      const hold = await inTenant((client) => setHold(client, TENANT, scope, "all of it", "somebody"));
      assert.deepEqual(counts(await prune()).phi, [0, 2]);
      await inTenant((client) => releaseHold(client, TENANT, hold.id, "somebody"));
    }
    assert.deepEqual(counts(await prune()).phi, [2, 0]);
    await log.grow(1);
    assert.deepEqual((await log.trail.verifyAuditIntegrity(TENANT)).errors, []);
  });

  test("whoever prunes: the storage itself leaves what is on hold", async () => {
    await grow(3000, { entityId: "r-stored" });
    const { rows } = await database.pool.query(
      "SELECT leaf_index FROM audit_records WHERE entity_id = 'r-stored'",
    );
    const hold = await inTenant((client) =>
      setHold(client, TENANT, { entityType: "communication" }, "a lawsuit", "somebody"),
    );
    afterTest(() => inTenant((client) => releaseHold(client, TENANT, hold.id, "somebody")));
    const request = {
      tenantId: TENANT,
      indexes: [Number(rows[0].leaf_index)],
      reason: "somebody wants it",
      actor: ACTOR,
    };
    assert.deepEqual(await pruneRecords(database.pool, request, { pseudonym }), []);
  });

  test("what is not signed yet stays", async () => {
    const now = () => Date.now() - 3000 * DAY_MS;
    const trail = new AuditTrail({ ...PATIENT_TRAIL, pool: database.pool, pseudonym, now });
    await trail.record(TENANT, ACTOR, [event(1, { entityId: "r-unsigned" })]);
    assert.equal(counts(await prune(true)).phi?.[0], 1, "r-stored alone");
  });

  test("a hold that is set while pruning goes on waits, and then holds what is left", async () => {
    await prune();
    await grow(3000, ...Array.from({ length: 300 }, (_, n) => ({ entityId: `r-${n}` })));
    const [report] = await Promise.all([
      prune(),
      inTenant((client) => setHold(client, TENANT, { entityType: "communication" }, "late", "somebody")),
    ]);
    const { over, held } = report[0] ?? { over: -1, held: -1 };
    // The one that was not signed in the test before is signed by now, and as old.
    const left = (await entities()).filter((id) => /^r-(?:\d+|unsigned)$/.test(id)).length;
    assert.equal(over + left, 301);
    assert.ok(left === 0 || left === 301, `${left} are left`);
    assert.ok(held >= left, "what is left is held");
  });
});
