// The audit trail under faults: no record is lost, none has two places, none has no place, and checkpoints never fork.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { afterTest, tell } from "../../servers/in-test.js";
import { startDurablePostgres } from "../../servers/index.js";
import { until } from "../../servers/until.js";
import { AuditWorker } from "../../services/audit/audit-worker.js";
import { sizeOf } from "../../services/audit/checkpoint-place.js";
import { openCheckpoint } from "../../services/audit/signed-note.js";
import { integrate, rootAt, treeSize } from "../../services/audit/tree-store.js";
import { ACTOR, type AuditDatabase, event, startAuditDatabase, TENANT } from "../support/audit-database.js";
import { type AuditLog, LOG_KEY, openAuditLog } from "../support/audit-log.js";
import type { AuditProcessOptions } from "../support/audit-process.js";

const PROGRAM = projectFile("dist/backend/test/support/audit-process.js");
/** Of the sessions of a process that is killed. */
const NAME = "audit-process";

function runProcess(
  options: AuditProcessOptions,
): Promise<{ readonly isKilled: boolean; readonly stdout: string }> {
  const named = new URL(options.url);
  named.searchParams.set("application_name", NAME);
  const env = { PATH: process.env.PATH, AUDIT_TEST: JSON.stringify({ ...options, url: named.href }) };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [PROGRAM], { env }, (error, stdout, stderr) => {
      const isKilled = error?.signal === "SIGKILL";
      if (error !== null && !isKilled) reject(new Error(stderr));
      else resolve({ isKilled, stdout });
    });
  });
}

/** What was begun goes on: what a process that was killed has sent is done, and its locks end, when its server has noticed. */
async function settle({ pool }: AuditDatabase, { checkpointer, files }: AuditLog): Promise<void> {
  const sessions = "SELECT FROM pg_stat_activity WHERE application_name = $1";
  await until("its sessions are gone", async () => (await pool.query(sessions, [NAME])).rowCount === 0);
  await until("a place for each record", async () => {
    while ((await integrate(pool, TENANT))?.added);
    return (await pool.query("SELECT FROM audit_pending LIMIT 1")).rowCount === 0;
  });
  await until("a checkpoint of all", async () => {
    await checkpointer.checkpoint(TENANT);
    return sizeOf(await files.latest(TENANT)) === (await treeSize(pool, TENANT));
  });
}

/** Each record has one place, the tree is that of the records, and all that was published is a part of it. */
async function requireWhole({ pool }: AuditDatabase, log: AuditLog): Promise<number> {
  const { errors } = await log.trail.verifyAuditIntegrity(TENANT);
  assert.deepEqual(errors, []);
  const size = await treeSize(pool, TENANT);
  const { rows } = await pool.query(
    "SELECT count(*) AS rows, count(DISTINCT record_id) AS ids FROM audit_records",
  );
  assert.deepEqual([Number(rows[0].rows), Number(rows[0].ids)], [size, size]);
  for await (const entry of log.files.read(TENANT)) {
    if (!("note" in entry)) continue;
    const checkpoint = openCheckpoint(entry.note, [LOG_KEY]) ?? assert.fail(entry.note);
    assert.deepEqual(checkpoint.root, await rootAt(pool, TENANT, checkpoint.size));
  }
  return size;
}

describe("a process is killed", () => {
  let database: AuditDatabase;
  let log: AuditLog;
  beforeAll(async () => {
    database = await startAuditDatabase();
    log = openAuditLog(database);
    await database.pool.query("CREATE TABLE changes (id bigint GENERATED ALWAYS AS IDENTITY)");
    await database.pool.query("GRANT INSERT ON changes TO crm_app");
  });
  afterAll(async () => {
    log.remove();
    await database.close();
  });

  for (const isSent of [false, true])
    test(`${isSent ? "behind" : "before"} each statement and each line that it writes`, async () => {
      const { pool, url } = database;
      let killed = 0;
      for (let killAt = 1; ; killAt++) {
        const { isKilled, stdout } = await runProcess({ url, folder: log.folder, killAt, isSent });
        if (isKilled) killed += 1;
        // What it has begun is gone, or goes on with whoever comes next.
        const again = openAuditLog(database, { folder: log.folder });
        await settle(database, again);
        const size = await requireWhole(database, again);
        const { rows } = await pool.query("SELECT count(*) FROM changes");
        assert.equal(size, 2 * Number(rows[0].count), `killed at ${killAt}`);
        if (Number(stdout) > 0 && Number(stdout) < killAt) break;
      }
      tell(`killed at ${killed} steps`);
      assert.ok(killed > 20, `${killed}`);
    });

  test("two that both think they have the lease build one tree, and sign parts of it", async () => {
    const { pool, url } = database;
    const before = await treeSize(pool, TENANT);
    const races = [1, 2].map(() => runProcess({ url, folder: log.folder, raceMs: 4000 }));
    let isOver = false;
    const raced = Promise.all(races).finally(() => {
      isOver = true;
    });
    let recorded = 0;
    for (; !isOver; recorded += 3) await log.trail.record(TENANT, ACTOR, [event(1), event(2), event(3)]);
    await raced;
    const again = openAuditLog(database, { folder: log.folder });
    await settle(database, again);
    assert.equal(await requireWhole(database, again), before + recorded);
    tell(`${recorded} records while two raced`);
  });
});

describe("PostgreSQL is killed", () => {
  test("what was recorded is there once, and gets its place when it is back", async () => {
    const server = await startDurablePostgres();
    const database = await startAuditDatabase(server.url);
    const log = openAuditLog(database);
    const { pool } = database;
    const logger = { info: () => undefined, error: () => undefined };
    const worker = new AuditWorker({
      pool,
      checkpointer: log.checkpointer,
      logger,
      pollMs: 5,
      checkpointMs: 50,
    });
    worker.start();
    afterTest(async () => {
      await worker.stop();
      log.remove();
      await database.close();
      await server.stop();
    });
    const confirmed: string[] = [];
    const doubtful = new Set<string>();
    let isOver = false;
    const writers = [0, 1, 2].map(async (writer) => {
      for (let n = 0; !isOver; n++) {
        const entityId = `w${writer}-${n}`;
        try {
          await log.trail.record(TENANT, ACTOR, [event(n, { entityId })]);
          confirmed.push(entityId);
        } catch {
          // It may have been committed, and its answer lost.
          doubtful.add(entityId);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    });
    for (let kill = 0; kill < 2; kill++) {
      const target = confirmed.length + 60;
      await until("records", () => confirmed.length > target);
      await server.kill();
      await server.restart();
    }
    const target = confirmed.length + 20;
    await until("records after it", () => confirmed.length > target);
    isOver = true;
    await Promise.all(writers);
    await until(
      "places for all",
      async () => (await pool.query("SELECT FROM audit_pending LIMIT 1")).rowCount === 0,
    );
    await until("a checkpoint of all", async () => (await log.checkpointer.checkpoint(TENANT)) === undefined);
    await requireWhole(database, openAuditLog(database, { folder: log.folder }));
    const { rows } = await pool.query<{ entity_id: string }>("SELECT entity_id FROM audit_records");
    const stored = rows.map(({ entity_id }) => entity_id);
    assert.equal(new Set(stored).size, stored.length);
    const known = new Set(stored);
    assert.deepEqual(
      confirmed.filter((id) => !known.has(id)),
      [],
    );
    assert.deepEqual(
      stored.filter((id) => !confirmed.includes(id) && !doubtful.has(id)),
      [],
    );
    tell(`${confirmed.length} confirmed, ${doubtful.size} doubtful, ${stored.length} stored`);
  });
});
