// The watch over the trails of all tenants: what it raises, that it says so once, and that it is over.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { withTenant } from "../../db/tenant-transaction.js";
import { closeAfterTest } from "../../servers/in-test.js";
import { until } from "../../servers/until.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { acknowledgeLosses, GONE_AFTER_SECONDS } from "../../services/audit/policy/gone-buffers.js";
import {
  AuditWatch,
  type AuditWatchOptions,
  type SyncFigures,
} from "../../services/audit/status/audit-watch.js";
import {
  ACTOR,
  type AuditDatabase,
  event,
  OTHER_TENANT,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { type AuditLog, openAuditLog } from "../support/audit-log.js";
import { PATIENT_TRAIL } from "../support/patient.js";

describe("the watch over audit trails", () => {
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

  const open = (options: Partial<AuditWatchOptions> = {}) => {
    const lines: string[] = [];
    const say = (line: unknown) => void lines.push(String(line));
    const watch = new AuditWatch({
      pool: database.pool,
      trail: log.trail,
      logger: { info: say, error: say },
      ...options,
    });
    return { watch, lines };
  };
  const names = (watch: AuditWatch, tenantId = TENANT) => watch.alertsOf(tenantId).map(({ name }) => name);

  test("a record that no checkpoint covers for too long; over once it is covered", async () => {
    const { watch, lines } = open();
    const now = () => Date.now() - 200_000;
    await new AuditTrail({ ...PATIENT_TRAIL, pool: database.pool, pseudonym, now }).record(TENANT, ACTOR, [
      event(1),
    ]);
    for (let n = 0; n < 3; n++) await watch.look(TENANT);
    assert.deepEqual(names(watch), ["checkpoint-age"]);
    assert.deepEqual(names(watch, OTHER_TENANT), []);
    assert.equal(lines.length, 1);
    assert.match(
      String(lines[0]),
      /^audit alert checkpoint-age of tenant aaaa.*: 1 records are not covered by a checkpoint, the oldest for 2\d\d s$/,
    );
    await log.grow(1);
    await watch.look(TENANT);
    assert.deepEqual(names(watch), []);
    assert.match(String(lines[1]), /^audit alert checkpoint-age of tenant .* is over$/);
  });

  test("a tree that its worker found broken, and a trail that is not what was signed", async () => {
    const broken = [{ tenantId: TENANT, message: "index 3 is not what was signed" }];
    const { watch, lines } = open({ brokenTrees: () => broken, verifyEveryMs: 0 });
    await watch.look(TENANT);
    assert.deepEqual(names(watch), ["corruption"]);
    broken.pop();
    await watch.look(TENANT);
    assert.deepEqual(names(watch), []);
    await log.grow(3);
    const change = (from: string, to: string) =>
      database.pool.query(
        "UPDATE audit_records SET content = replace(content, $1, $2) WHERE leaf_index = 1 AND tenant_id = $3",
        [from, to, TENANT],
      );
    await change('"phi"', '"business"');
    await watch.look(TENANT);
    assert.deepEqual(names(watch), ["corruption"]);
    assert.match(String(watch.alertsOf(TENANT)[0]?.message), /^index 1:/);
    await change('"business"', '"phi"');
    await watch.look(TENANT);
    assert.deepEqual(names(watch), []);
    assert.equal(lines.length, 4);
  });

  test("records that a process has taken along, until somebody has looked into it", async () => {
    const trail = new AuditTrail({
      ...PATIENT_TRAIL,
      pool: database.pool,
      pseudonym,
      buffer: { capacity: 9, flushAfterMs: 3_600_000 },
    });
    closeAfterTest(trail);
    await trail.record(TENANT, ACTOR, [event(1, { dataClass: "business" })]);
    await database.pool.query("UPDATE audit_buffers SET told_at = told_at - make_interval(secs => $1)", [
      GONE_AFTER_SECONDS + 1,
    ]);
    const { watch } = open();
    await watch.look(TENANT);
    assert.deepEqual(names(watch), ["records-lost"]);
    assert.match(String(watch.alertsOf(TENANT)[0]?.message), /: up to 9 that it recorded since 20/);
    // Any other process tells of it, too.
    const other = open().watch;
    await other.look(TENANT);
    assert.deepEqual(names(other), ["records-lost"]);
    await withTenant(database.pool, TENANT, (client) => acknowledgeLosses(client, TENANT, "somebody"));
    for (const each of [watch, other]) {
      await each.look(TENANT);
      assert.deepEqual(names(each), []);
    }
  });

  test("synchronisation that fails, or whose state cannot be read", async () => {
    const { watch } = open();
    let figures: () => Promise<SyncFigures> = async () => ({ failures: 0 });
    watch.registerSync(() => figures());
    await watch.look(TENANT);
    assert.deepEqual(names(watch), []);
    figures = () => Promise.reject(new Error("no table"));
    await watch.look(TENANT);
    assert.match(String(watch.alertsOf(TENANT)[0]?.message), /cannot be read \(Error: no table\)/);
    figures = async () => ({ failures: 3 });
    await watch.look(TENANT);
    assert.match(String(watch.alertsOf(TENANT)[0]?.message), /^3 changes/);
    figures = async () => ({ failures: 0, problems: ["hubspot has not been read for 400 s: away"] });
    await watch.look(TENANT);
    assert.equal(watch.alertsOf(TENANT)[0]?.message, "hubspot has not been read for 400 s: away");
  });

  test("a tenant whose trail cannot be looked at is told once, and keeps nobody from being looked at", async () => {
    const { watch, lines } = open();
    const looked: string[] = [];
    watch.registerSync(async (tenantId) => {
      looked.push(tenantId);
      return { failures: 0 };
    });
    for (const tenantId of [TENANT, OTHER_TENANT]) {
      await database.pool.query("INSERT INTO audit_pending (tenant_id, content) VALUES ($1, 'no JSON')", [
        tenantId,
      ]);
      for (let time = 0; time < 2; time++) await watch.lookAtAll();
      await database.pool.query("DELETE FROM audit_pending WHERE content = 'no JSON'");
    }
    assert.deepEqual(new Set(looked), new Set([TENANT, OTHER_TENANT]));
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(
      String(lines[0]),
      /^audit: alerts are not up to date \(tenant \S+: invalid input syntax for type json\)$/,
    );
  });

  test("looks at all tenants by itself, and stops", async () => {
    const { watch } = open({ intervalMs: 10 });
    const looked = new Set<string>();
    watch.registerSync(async (tenantId) => {
      looked.add(tenantId);
      return { failures: 0 };
    });
    watch.start();
    await until("both were looked at", () => looked.size === 2);
    await watch.stop();
    looked.clear();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(looked.size, 0);
  });
});
