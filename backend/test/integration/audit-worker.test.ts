// Behind the requests: records get their places and are signed in time, by one of all processes; what is broken is told.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { until } from "../../servers/until.js";
import { AuditWorker, type AuditWorkerOptions } from "../../services/audit/audit-worker.js";
import { sizeOf } from "../../services/audit/checkpoint-place.js";
import { Checkpointer } from "../../services/audit/checkpointer.js";
import { treeSize } from "../../services/audit/tree-store.js";
import {
  ACTOR,
  type AuditDatabase,
  events,
  OTHER_TENANT,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { LOG_KEY, openAuditLog } from "../support/audit-log.js";

describe("the worker", () => {
  let database: AuditDatabase;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());
  beforeEach(() =>
    database.pool.query("TRUNCATE audit_pending, audit_records, audit_nodes, audit_checkpoints"),
  );

  const open = (more: Partial<AuditWorkerOptions> = {}) => {
    const log = openAuditLog(database);
    const lines: string[] = [];
    const tell = (line: unknown) => void lines.push(String(line));
    const { pool } = database;
    const worker = new AuditWorker({
      pool,
      checkpointer: log.checkpointer,
      logger: { info: tell, error: tell },
      pollMs: 10,
      checkpointMs: 100,
      ...more,
    });
    afterTest(async () => {
      await worker.stop();
      log.remove();
    });
    const published = async (tenantId: string) => sizeOf(await log.files.latest(tenantId));
    return { log, worker, lines, published };
  };

  test("records of all tenants get their places, and are signed in time", async () => {
    const { log, worker, published, lines } = open();
    worker.start();
    for (const tenantId of [TENANT, OTHER_TENANT]) await log.trail.record(tenantId, ACTOR, events(5));
    for (const tenantId of [TENANT, OTHER_TENANT])
      await until(`a checkpoint of ${tenantId}`, async () => (await published(tenantId)) === 5);
    await log.trail.record(TENANT, ACTOR, events(5));
    await until("the next one", async () => (await published(TENANT)) === 10);
    assert.deepEqual([lines, worker.alarms], [[], []]);
  });

  test("a thousand records are signed at once, however long the time still is", async () => {
    const { log, worker, published } = open({ checkpointMs: 3_600_000 });
    worker.start();
    await until("its first turn", async () => (await log.checkpointer.checkpoint(TENANT)) === undefined);
    for (let n = 0; n < 4; n++) await log.trail.record(TENANT, ACTOR, events(600));
    await until("a checkpoint", async () => (await published(TENANT)) >= 1000);
    await until("the others have places", async () => (await treeSize(database.pool, TENANT)) === 2400);
  });

  test("stopped, it leaves nothing that was committed before without a place or a signature", async () => {
    const { log, worker, published } = open({ pollMs: 3_600_000, checkpointMs: 3_600_000 });
    worker.start();
    await until("its first turn", async () => (await log.checkpointer.checkpoint(TENANT)) === undefined);
    await log.trail.record(TENANT, ACTOR, events(5));
    await worker.stop();
    assert.equal(await published(TENANT), 5);
  });

  test("no place that takes checkpoints: told once, and records get their places", async () => {
    const away = {
      name: "away",
      latest: async () => undefined,
      publish: () => Promise.reject(new Error("disk full")),
      read: async function* () {},
    };
    const checkpointer = new Checkpointer({ pool: database.pool, key: LOG_KEY, places: [away] });
    const { log, worker, lines } = open({ checkpointer, checkpointMs: 20 });
    worker.start();
    for (let n = 1; n <= 5; n++) {
      await log.trail.record(TENANT, ACTOR, events(2));
      await until("a place", async () => (await treeSize(database.pool, TENANT)) === 2 * n);
    }
    await until("the line", () => lines.length > 0);
    assert.deepEqual(lines, [
      "audit: trees are not signed (no place takes checkpoints): what is recorded meanwhile is not proven",
    ]);
    assert.deepEqual(worker.alarms, []);
  });

  test("a record that gets no place is told once, and is nobody else's trouble", async () => {
    const { log, worker, published, lines } = open();
    // What the application's role may insert: nothing but a limit of its size is checked.
    for (const tenantId of [TENANT, OTHER_TENANT])
      await database.pool.query("INSERT INTO audit_pending (tenant_id, content) VALUES ($1, $2)", [
        tenantId,
        tenantId === TENANT ? "no JSON" : "{}",
      ]);
    for (const tenantId of [TENANT, OTHER_TENANT]) await log.trail.record(tenantId, ACTOR, events(5));
    worker.start();
    await until("the other tenant's checkpoint", async () => (await published(OTHER_TENANT)) === 6);
    await until("the line", () => lines.length > 0);
    assert.match(
      lines.join(),
      /^audit: records are kept, but get no place in the tree \(tenant \S+: invalid input syntax for type json\)$/,
    );
    assert.ok(lines[0]?.includes(TENANT));
    await database.pool.query("DELETE FROM audit_pending WHERE content = 'no JSON'");
    await until("its own", async () => (await published(TENANT)) === 5);
  });

  test("one tenant's broken tree is told once, and is nobody else's trouble", async () => {
    const { log, worker, published, lines } = open();
    await log.grow(5);
    await database.pool.query("DELETE FROM audit_records WHERE leaf_index = 4");
    worker.start();
    for (const tenantId of [TENANT, OTHER_TENANT]) await log.trail.record(tenantId, ACTOR, events(5));
    await until("the other tenant's checkpoint", async () => (await published(OTHER_TENANT)) === 5);
    await until("an alarm", () => worker.alarms.length === 1);
    await until("more turns", async () => {
      await log.trail.record(OTHER_TENANT, ACTOR, events(1));
      return (await published(OTHER_TENANT)) > 8;
    });
    assert.equal(worker.alarms[0]?.tenantId, TENANT);
    assert.deepEqual(
      lines.map((line) => /tenant (\S+) is not what was signed: the tree has 4 records/.exec(line)?.[1]),
      [TENANT],
    );
    // Nothing is lost by it.
    const { rows } = await database.pool.query("SELECT count(*) FROM audit_pending WHERE tenant_id = $1", [
      TENANT,
    ]);
    assert.equal(Number(rows[0].count), 5);
  });
});
