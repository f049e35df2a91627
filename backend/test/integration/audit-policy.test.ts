// Policies by data class: what is durable when, what is bounded, and what is counted.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createPool } from "../../db/pool.js";
import { withTenant } from "../../db/tenant-transaction.js";
import { Outage } from "../../outage.js";
import { closeAfterTest } from "../../servers/in-test.js";
import { until } from "../../servers/until.js";
import { AuditTrail, type AuditTrailOptions } from "../../services/audit/audit-trail.js";
import { AuditUnavailable } from "../../services/audit/audit-unavailable.js";
import { DEFAULT_POLICY, PolicyStore } from "../../services/audit/policy/class-policy.js";
import { GONE_AFTER_SECONDS, settleGoneBuffers } from "../../services/audit/policy/gone-buffers.js";
import { RecordBuffer } from "../../services/audit/policy/record-buffer.js";
import {
  ACTOR,
  type AuditDatabase,
  event,
  OTHER_TENANT,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";

describe("policies of the audit trail", () => {
  let database: AuditDatabase;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());

  const open = (options: Partial<AuditTrailOptions> = {}, max = 5) => {
    const pool = createPool({ databaseUrl: database.url, max, onError: () => undefined });
    const lines: string[] = [];
    const trail = new AuditTrail({
      pool,
      pseudonym,
      logger: {
        info: (line: unknown) => lines.push(String(line)),
        error: (line: unknown) => lines.push(String(line)),
      },
      ...options,
    });
    closeAfterTest(pool.ended ? { close: () => undefined } : { close: () => pool.end() }, trail);
    return { trail, lines, pool };
  };
  const about = async (entityId: string, tenantId = TENANT) =>
    (await database.trail.getAuditLogs(tenantId, "communication", entityId, { limit: 500 })).length;
  const business = (entityId: string) => event(1, { entityId, dataClass: "business" });

  test("require: committed when it resolves; many at a time share transactions", async () => {
    const { trail, pool } = open();
    let transactions = 0;
    pool.on("acquire", () => {
      transactions++;
    });
    await trail.record(TENANT, ACTOR, [event(0, { entityId: "p-0" })]);
    assert.equal(await about("p-0"), 1);
    transactions = 0;
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => trail.record(TENANT, ACTOR, [event(n, { entityId: "p-many" })])),
    );
    assert.equal(await about("p-many"), 300);
    assert.ok(transactions < 30, `${transactions} transactions for 300 records`);
  });

  test("buffer: written soon, and at the latest when the trail is closed", async () => {
    const { trail } = open();
    await trail.record(TENANT, ACTOR, [business("b-1")]);
    await until("the buffer is written", async () => (await about("b-1")) === 1);
    await trail.record(TENANT, ACTOR, [business("b-2")]);
    assert.equal(await trail.close(), 0);
    assert.equal(await about("b-2"), 1);
    const { rows } = await database.pool.query(
      "SELECT accepted, written, closed_at IS NOT NULL AS closed FROM audit_buffers ORDER BY opened_at DESC LIMIT 1",
    );
    assert.deepEqual(rows, [{ accepted: "2", written: "2", closed: true }]);
  });

  test("a buffer that is full loses what does not fit, counts it, says so once, and has it on record", async () => {
    const { trail, lines } = open({ buffer: { capacity: 5, flushAfterMs: 60_000 } });
    await trail.record(TENANT, ACTOR, [business("full-0")]);
    await Promise.all(
      Array.from({ length: 11 }, (_, n) => trail.record(TENANT, ACTOR, [business(`full-${n + 1}`)])),
    );
    assert.deepEqual(trail.recorder.figures, { waiting: 5, lost: 7 });
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(String(lines[0]), /5 records wait, and no more fit/);
    await until("the buffer is written", () => trail.recorder.figures.waiting === 0);
    const { rows } = await database.pool.query(
      "SELECT content::jsonb -> 'detail' AS detail FROM audit_pending WHERE content LIKE '%audit_buffer%'",
    );
    assert.deepEqual(
      rows.map(({ detail }) => detail),
      [{ lost: 7 }],
    );
  });

  test("a class that is off: reads are not recorded; refusals and changes are", async () => {
    await withTenant(database.pool, OTHER_TENANT, (client) =>
      new PolicyStore(database.pool).write(
        client,
        OTHER_TENANT,
        "business",
        { mode: "off", retention_days: 365, purposes_without_consent: ["TREAT"] },
        "somebody",
      ),
    );
    const { trail } = open();
    await trail.record(OTHER_TENANT, ACTOR, [business("o-1")]);
    await trail.close();
    assert.equal(await about("o-1", OTHER_TENANT), 0);
    await trail.record(OTHER_TENANT, ACTOR, [{ ...business("o-1"), outcome: "refused" }]);
    await trail.record(OTHER_TENANT, ACTOR, [{ ...business("o-1"), action: "update" }]);
    assert.equal(await about("o-1", OTHER_TENANT), 2);
  });

  test("a policy is the tenant's own, and a change of it holds in other processes within five seconds", async () => {
    const clock = { nowMs: 0 };
    const store = new PolicyStore(database.pool, { nowMs: () => clock.nowMs });
    const other = new PolicyStore(database.pool, { nowMs: () => clock.nowMs });
    assert.equal((await store.of(TENANT)).phi.mode, "require");
    assert.deepEqual(await other.of(TENANT), DEFAULT_POLICY);
    await withTenant(database.pool, TENANT, (client) =>
      store.write(
        client,
        TENANT,
        "phi",
        { mode: "buffer", retention_days: 4000, purposes_without_consent: [] },
        "somebody",
      ),
    );
    store.forget(TENANT);
    assert.deepEqual((await store.of(TENANT)).phi, {
      mode: "buffer",
      retentionDays: 4000,
      purposesWithoutConsent: [],
    });
    assert.equal((await other.of(TENANT)).phi.mode, "require");
    clock.nowMs = 5001;
    assert.equal((await other.of(TENANT)).phi.mode, "buffer");
    assert.equal((await other.of(OTHER_TENANT)).phi.mode, "require");
    await database.pool.query("DELETE FROM audit_policies WHERE tenant_id = $1", [TENANT]);
  });

  test("a change that is rolled back is acted by nowhere", async () => {
    const store = new PolicyStore(database.pool);
    await assert.rejects(
      withTenant(database.pool, TENANT, async (client) => {
        const document = { mode: "off", retention_days: 2192, purposes_without_consent: [] } as const;
        await store.write(client, TENANT, "phi", { ...document, purposes_without_consent: [] }, "somebody");
        assert.equal((await store.read(client, TENANT)).phi.mode, "off");
        throw new Error("its record failed");
      }),
      /its record failed/,
    );
    assert.equal((await store.of(TENANT)).phi.mode, "require");
  });

  test("less than six years are for business data alone", async () => {
    for (const dataClass of ["phi", "personal"])
      await assert.rejects(
        withTenant(database.pool, TENANT, (client) =>
          client.query(
            `INSERT INTO audit_policies (tenant_id, data_class, mode, retention_days, purposes_without_consent, updated_by)
             VALUES ($1, $2, 'require', 2191, '{}', 'x')`,
            [TENANT, dataClass],
          ),
        ),
        /check constraint/,
      );
  });

  test("an event that no record can be made of fails alone: what shares its transaction is on record", async () => {
    const { trail } = open();
    const wrong = { ...event(1, { entityId: "wrong" }), detail: { share: Number.NaN } };
    // The first begins a transaction; the others come while it is under way, and share the next one.
    const first = trail.record(TENANT, ACTOR, [event(1, { entityId: "shared" })]);
    const together = await Promise.allSettled(
      [event(1, { entityId: "shared" }), wrong, event(1, { entityId: "shared" })].map((event) =>
        trail.record(TENANT, ACTOR, [event]),
      ),
    );
    await first;
    assert.deepEqual(
      together.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.ok(together[1]?.status === "rejected" && together[1].reason instanceof TypeError);
    assert.deepEqual([await about("shared"), await about("wrong")], [3, 0]);
  });

  test("where nobody knows the tenant's policy, it may be a stricter one: nothing leaves", async () => {
    const gone = createPool({ databaseUrl: database.url, onError: () => undefined });
    await gone.end();
    const trail = new AuditTrail({ pool: gone, pseudonym });
    await assert.rejects(trail.record(TENANT, ACTOR, [business("unknown")]), AuditUnavailable);
    assert.equal(await trail.close(), 0);
  });

  test("a loss of a tenant that has nothing else to write is told, also where the first attempt fails", async () => {
    const attempts: string[] = [];
    let isAway = true;
    let fill = () => undefined as unknown;
    const isFull = new Promise((resolve) => {
      fill = () => resolve(undefined);
    });
    const buffer = new RecordBuffer({
      pool: database.pool,
      capacity: 1,
      flushAfterMs: 60_000,
      outage: new Outage({ began: () => undefined, ended: () => undefined }),
      lossRecord: async (tenantId, { lost }) => `{"tenant":"${tenantId}","lost":${lost}}`,
      insert: async (_client, tenantId, contents) => {
        if (isAway && tenantId === OTHER_TENANT) throw new Error("away");
        // The first record has the only place until the second has come.
        await isFull;
        attempts.push(...contents);
      },
    });
    await buffer.add(TENANT, ["{}"]);
    await buffer.add(OTHER_TENANT, ["{}"]);
    assert.deepEqual(buffer.figures, { waiting: 1, lost: 1 });
    fill();
    assert.equal(await buffer.flush(), false, "the loss is not told yet");
    isAway = false;
    assert.equal(await buffer.flush(), true);
    assert.deepEqual(attempts, ["{}", `{"tenant":"${OTHER_TENANT}","lost":1}`]);
    assert.equal(await buffer.close(), 0);
    const { rows } = await database.pool.query(
      "SELECT count(*) AS open FROM audit_buffers WHERE process_id = $1 AND closed_at IS NULL",
      [buffer.processId],
    );
    assert.equal(Number(rows[0].open), 0);
  });

  test("what a process has taken along is found by another, at most as much as it had room for", async () => {
    const { trail } = open({ buffer: { capacity: 20, flushAfterMs: 60_000 } });
    await trail.record(TENANT, ACTOR, [business("gone")]);
    const insert = (
      client: { query: typeof database.pool.query },
      tenantId: string,
      contents: readonly string[],
    ) =>
      client
        .query("INSERT INTO audit_pending (tenant_id, content) SELECT $1, unnest($2::text[])", [
          tenantId,
          contents,
        ])
        .then(() => undefined);
    const settle = () =>
      withTenant(database.pool, TENANT, (client) =>
        settleGoneBuffers(client, TENANT, {
          insert,
          lossRecord: (tenantId, loss) => trail.recorder.lossRecord(tenantId, loss),
        }),
      );
    assert.deepEqual(await settle(), [], "it is not gone yet");
    await database.pool.query(
      "UPDATE audit_buffers SET told_at = told_at - make_interval(secs => $1) WHERE closed_at IS NULL",
      [GONE_AFTER_SECONDS + 1],
    );
    const found = await settle();
    assert.deepEqual(
      found.map(({ lost, heldAtMost }) => [lost, heldAtMost]),
      [[0, 20]],
    );
    assert.deepEqual(await settle(), [], "it is told once");
    // It was only slow: what it writes now opens its row again.
    assert.equal(await trail.close(), 0);
    assert.equal(await about("gone"), 1);
  });
});
