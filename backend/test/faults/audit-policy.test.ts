// The trail's database stops, dies and comes back: nothing is disclosed without a record, no record is lost, and what is lost is counted.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { withTenant } from "../../db/tenant-transaction.js";
import { projectFile } from "../../project-root.js";
import { afterTest, closeAfterTest } from "../../servers/in-test.js";
import { type DurablePostgres, startDurablePostgres } from "../../servers/postgres.js";
import { until } from "../../servers/until.js";
import { AuditTrail, insertRecords } from "../../services/audit/audit-trail.js";
import { AuditUnavailable } from "../../services/audit/audit-unavailable.js";
import { GONE_AFTER_SECONDS, settleGoneBuffers } from "../../services/audit/policy/gone-buffers.js";
import { pruneRecords } from "../../services/audit/pruning.js";
import { setHold } from "../../services/audit/retention/legal-holds.js";
import { pruneTenant } from "../../services/audit/retention/prune.js";
import {
  ACTOR,
  type AuditDatabase,
  event,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { openAuditLog } from "../support/audit-log.js";
import { PATIENT_TRAIL, patientPool } from "../support/patient.js";

const READERS = 20;
const PROGRAM = projectFile("dist/backend/test/support/buffering-process.js");

describe("the trail while its database is away", () => {
  let server: DurablePostgres;
  let database: AuditDatabase;
  beforeAll(async () => {
    server = await startDurablePostgres();
    database = await startAuditDatabase(server.url);
  });
  afterAll(async () => {
    await database.close();
    await server.stop();
  });

  /** @param group default: nobody is refused because the machine is busy */
  const open = (group?: { readonly maxWaitMs: number }) => {
    const pool = patientPool(server.url, { max: 4 });
    const lines: string[] = [];
    const say = (line: unknown) => void lines.push(String(line));
    const trail = new AuditTrail({
      pool,
      pseudonym,
      logger: { info: say, error: say },
      ...(group ? { group } : PATIENT_TRAIL),
    });
    closeAfterTest({ close: () => pool.end() }, trail);
    return { trail, lines };
  };
  const recorded = async (entityId: string) => {
    const { rows } = await database.pool.query(
      "SELECT content::jsonb ->> 'request' AS request FROM audit_pending WHERE content::jsonb ->> 'entityId' = $1",
      [entityId],
    );
    return new Set(rows.map(({ request }) => request));
  };
  /** Readers that go on until they are told, and what they have disclosed: each is a request of its own. */
  const readers = (trail: AuditTrail, entityId: string) => {
    const disclosed: string[] = [];
    const refusals = Array<number>(READERS).fill(0);
    let isOver = false;
    const read = async (reader: number) => {
      for (let n = 0; !isOver; n++) {
        const requestId = `${reader}-${n}`;
        try {
          await trail.disclose(TENANT, { ...ACTOR, requestId }, event(n, { entityId }));
          disclosed.push(requestId);
        } catch (error) {
          assert.ok(error instanceof AuditUnavailable, String(error));
          assert.equal(error.status, 503);
          refusals[reader] = (refusals[reader] ?? 0) + 1;
          await delay(10);
        }
      }
    };
    const all = Promise.all(refusals.map((_, n) => read(n)));
    return {
      disclosed,
      refused: () => refusals.reduce((sum, n) => sum + n),
      /** Of the reader that was refused least. */
      eachRefused: () => Math.min(...refusals),
      stop: async () => {
        isOver = true;
        await all;
      },
    };
  };

  test("killed in the middle of reads: all that was disclosed is on record", async () => {
    const { trail, lines } = open();
    const reading = readers(trail, "killed");
    await until("they read", () => reading.disclosed.length > 200);
    await server.kill();
    await until("they are refused", () => reading.refused() > 50);
    const before = reading.disclosed.length;
    await delay(200);
    assert.equal(reading.disclosed.length, before, "nothing is disclosed while it is away");
    await server.restart();
    await until("they read again", () => reading.disclosed.length > before + 200);
    await reading.stop();
    const records = await recorded("killed");
    assert.deepEqual(
      reading.disclosed.filter((requestId) => !records.has(requestId)),
      [],
    );
    const [began, ...ended] = lines;
    assert.match(String(began), /^audit: records cannot be committed/);
    // Whether its end is told already depends on how long this took.
    assert.ok(ended.length <= 1, lines.join("\n"));
    for (const line of ended) assert.match(line, /^audit: records are committed again/);
  });

  test("stopped, so that it does not answer at all: refused within the bound, and it goes on afterwards", async () => {
    const { trail } = open({ maxWaitMs: 500 });
    const reading = readers(trail, "stopped");
    await until("they read", () => reading.disclosed.length > 100);
    const { rows } = await database.pool.query(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    const { rows: own } = await database.pool.query(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'",
    );
    const stopped = [...rows, ...own].map(({ pid }) => Number(pid));
    const go = () => {
      for (const pid of stopped) {
        try {
          process.kill(pid, "SIGCONT");
        } catch {
          // It has ended meanwhile.
        }
      }
    };
    afterTest(go);
    const refusedAtStop = reading.eachRefused();
    for (const pid of stopped) process.kill(pid, "SIGSTOP");
    // Twice since then: what was committed before has been answered.
    await until("each is refused", () => reading.eachRefused() >= refusedAtStop + 2);
    const [before, refusedBefore] = [reading.disclosed.length, reading.eachRefused()];
    await until("nobody waits until it goes on", () => reading.eachRefused() >= refusedBefore + 3);
    assert.equal(reading.disclosed.length, before, "nothing is disclosed while it is stopped");
    go();
    await until("they read again", () => reading.disclosed.length > before + 100);
    await reading.stop();
    const records = await recorded("stopped");
    assert.deepEqual(
      reading.disclosed.filter((requestId) => !records.has(requestId)),
      [],
    );
  });

  // Here the tables' owner is no superuser, as in production: row security holds for it, too.
  test("a legal hold is seen by the tables' owner, who prunes", async () => {
    const log = openAuditLog(database);
    afterTest(() => log.remove());
    const now = () => Date.now() - 3000 * 86_400_000;
    await new AuditTrail({ pool: database.pool, pseudonym, now }).record(TENANT, ACTOR, [
      event(1, { entityId: "held" }),
      event(2, { entityId: "free", entityType: "task" }),
    ]);
    await log.grow(1);
    await withTenant(database.pool, TENANT, (client) =>
      setHold(client, TENANT, { entityType: "communication" }, "a lawsuit", "somebody"),
    );
    const { rows } = await database.pool.query(
      "SELECT leaf_index FROM audit_records WHERE entity_id IN ('held', 'free') ORDER BY leaf_index",
    );
    const indexes = rows.map(({ leaf_index }) => Number(leaf_index));
    assert.deepEqual(
      await pruneRecords(
        database.pool,
        { tenantId: TENANT, indexes, reason: "all of it", actor: ACTOR },
        { pseudonym },
      ),
      indexes.slice(1),
    );
    const report = await pruneTenant({
      pool: database.pool,
      tenantId: TENANT,
      isDryRun: false,
      dependencies: { pseudonym },
    });
    assert.deepEqual([report[0]?.over, report[0]?.held], [0, 1]);
  });

  test("buffered records outlive an outage of the database", async () => {
    const { trail } = open();
    const buffered = (n: number) => event(n, { dataClass: "business", entityId: "outlives" });
    await trail.record(TENANT, ACTOR, [buffered(0)]);
    await until("it is written", () => trail.recorder.figures.waiting === 0);
    await server.kill();
    for (let n = 0; n < 30; n++) await trail.record(TENANT, { ...ACTOR, requestId: `b-${n}` }, [buffered(n)]);
    assert.equal(trail.recorder.figures.waiting, 30);
    await server.restart();
    await until("they are written", () => trail.recorder.figures.waiting === 0);
    assert.equal((await recorded("outlives")).size, 31);
  });

  test("a process that is killed with a full buffer leaves behind since when its records are missing", async () => {
    const child = fork(PROGRAM, [server.url]);
    afterTest(() => child.kill("SIGKILL"));
    await once(child, "message");
    await server.kill();
    child.send(60);
    const [figures] = await once(child, "message");
    assert.deepEqual({ ...figures }, { waiting: 50, lost: 11 });
    child.kill("SIGKILL");
    await once(child, "exit");
    await server.restart();
    const { trail } = open();
    const settle = () =>
      withTenant(database.pool, TENANT, (client) =>
        settleGoneBuffers(client, TENANT, {
          insert: insertRecords,
          lossRecord: (tenantId, loss) => trail.recorder.lossRecord(tenantId, loss),
        }),
      );
    await until("the database is there", () =>
      settle().then(
        () => true,
        () => false,
      ),
    );
    const { rows: told } = await withTenant(database.pool, TENANT, (client) =>
      client.query(
        `UPDATE audit_buffers SET told_at = told_at - make_interval(secs => $1) WHERE capacity = 50
         RETURNING told_at`,
        [GONE_AFTER_SECONDS + 1],
      ),
    );
    const losses = await settle();
    assert.deepEqual(
      losses.map(({ lost, heldAtMost, silentSince }) => [lost, heldAtMost, silentSince]),
      [[0, 50, told[0].told_at.toISOString()]],
    );
    assert.equal((await recorded("buffered")).size, 0);
    const { rows } = await database.pool.query(
      "SELECT content::jsonb AS record FROM audit_pending WHERE content LIKE '%audit_buffer%' ORDER BY id DESC LIMIT 1",
    );
    const [{ record }] = rows;
    assert.deepEqual(record.detail, { lost: 0, heldAtMost: 50, silentSince: losses[0]?.silentSince });
    assert.equal(record.outcome, "failure");
  });
});
