// Records of the audit trail: in the change's transaction, on their own, and who may do what to them.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createPool } from "../../db/pool.js";
import { withTenant } from "../../db/tenant-transaction.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { AuditUnavailable } from "../../services/audit/audit-unavailable.js";
import {
  ACTOR,
  type AuditDatabase,
  event,
  events,
  OTHER_TENANT,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";

const TABLES = ["audit_pending", "audit_records", "audit_nodes", "audit_checkpoints"];

describe("audit trail", () => {
  let database: AuditDatabase;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());

  const pending = async () =>
    Number((await database.pool.query("SELECT count(*) FROM audit_pending")).rows[0].count);

  test("a record is committed with the change, or with it rolled back", async () => {
    const { pool, trail } = database;
    const before = await pending();
    await assert.rejects(
      withTenant(pool, TENANT, async (client) => {
        await trail.append(client, TENANT, ACTOR, events(2));
        throw new Error("the change failed");
      }),
      /the change failed/,
    );
    assert.equal(await pending(), before);
    await withTenant(pool, TENANT, (client) => trail.append(client, TENANT, ACTOR, events(2)));
    assert.equal(await pending(), before + 2);
  });

  test("what was recorded is read back, the newest first, with the subject as a pseudonym", async () => {
    const { trail } = database;
    await trail.record(TENANT, ACTOR, [event(1, { entityId: "seen", consent: { id: "c1", version: 3 } })]);
    await trail.record(TENANT, ACTOR, [event(2, { entityId: "seen", outcome: "refused" })]);
    const [newest, oldest, ...others] = await trail.getAuditLogs(TENANT, "communication", "seen");
    assert.deepEqual(others, []);
    assert.equal(newest?.outcome, "refused");
    assert.equal(oldest?.subject, await pseudonym(TENANT, "salesforce:1"));
    assert.deepEqual(oldest?.consent, { id: "c1", version: 3 });
    assert.deepEqual(oldest?.actor, { id: ACTOR.id, role: "agent" });
    assert.equal(oldest?.request, "req-1");
    assert.doesNotMatch(JSON.stringify(oldest), /salesforce/);
    assert.deepEqual(await trail.getAuditLogs(OTHER_TENANT, "communication", "seen"), []);
  });

  test("an entity that is the subject itself is found by its id, which is not stored", async () => {
    const { pool, trail } = database;
    const clientId = "hubspot:0042";
    await trail.record(TENANT, ACTOR, [
      event(1, { entityType: "crm_client", entityId: clientId, subjectId: clientId }),
    ]);
    assert.equal((await trail.getAuditLogs(TENANT, "crm_client", clientId)).length, 1);
    const { rows } = await pool.query("SELECT FROM audit_pending WHERE content LIKE '%0042%'");
    assert.equal(rows.length, 0);
  });

  test("there is a record whatever the texts hold", async () => {
    const { trail } = database;
    for (const entityId of ["nul\0", "lone \uD800", "x".repeat(100_000), '"\\', "💣'; --", ""]) {
      await trail.record(TENANT, { id: entityId, role: entityId, requestId: entityId }, [
        event(1, { entityId, entityType: "hostile", detail: { [entityId]: entityId } }),
      ]);
      const [log] = await trail.getAuditLogs(TENANT, "hostile", entityId);
      assert.ok(log, JSON.stringify(entityId.slice(0, 20)));
    }
  });

  test("the store away: refused with 503, and nothing is silently lost", async () => {
    const pool = createPool({ databaseUrl: "postgres://x@127.0.0.1:1/x", onError: () => undefined });
    const trail = new AuditTrail({ pool, pseudonym });
    await assert.rejects(
      trail.record(TENANT, ACTOR, [event(1)]),
      (error: unknown) => error instanceof AuditUnavailable && error.status === 503,
    );
    await pool.end();
  });

  describe("the application's role", () => {
    const asApp = (sql: string, values: unknown[] = []) =>
      withTenant(database.pool, TENANT, (client) => client.query(sql, values));

    for (const table of TABLES) {
      for (const statement of [
        `UPDATE ${table} SET tenant_id = tenant_id`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
        `DROP TABLE ${table}`,
        `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`,
      ])
        test(statement, async () => {
          await assert.rejects(asApp(statement), /permission denied|must be owner/);
        });
    }

    test("may neither make leaves nor choose the order of records", async () => {
      for (const [table, columns, values] of [
        ["audit_records", "tenant_id, leaf_index, content", `'${TENANT}', 0, '{}'`],
        ["audit_nodes", "tenant_id, level, position, hash", `'${TENANT}', 0, 0, '\\x00'`],
        ["audit_checkpoints", "tenant_id, tree_size, note", `'${TENANT}', 1, 'x'`],
        ["audit_pending", "tenant_id, id, content", `'${TENANT}', 1, '{}'`],
      ])
        await assert.rejects(
          asApp(`INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE VALUES (${values})`),
          /permission denied/,
        );
    });

    test("adds and sees records of its own tenant alone", async () => {
      await assert.rejects(
        asApp("INSERT INTO audit_pending (tenant_id, content) VALUES ($1, '{}')", [OTHER_TENANT]),
        /row-level security/,
      );
      await database.trail.record(OTHER_TENANT, ACTOR, events(1));
      const { rows } = await asApp("SELECT DISTINCT tenant_id FROM audit_pending");
      assert.deepEqual(rows, [{ tenant_id: TENANT }]);
    });
  });
});
