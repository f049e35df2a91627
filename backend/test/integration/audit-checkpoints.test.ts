// Checkpoints: signed, published where the database's role cannot write, and never two trees.
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { CheckpointObjects } from "../../services/audit/checkpoint-objects.js";
import { CheckpointFork, type PlaceEntry, sizeOf } from "../../services/audit/checkpoint-place.js";
import { Checkpointer, originOf } from "../../services/audit/checkpointer.js";
import { leafHash } from "../../services/audit/merkle.js";
import { FolderObjectStore } from "../../services/audit/object-store.js";
import { openCheckpoint, signerKey } from "../../services/audit/signed-note.js";
import { integrate, rootAt, TreeBroken, treeSize } from "../../services/audit/tree-store.js";
import { ACTOR, type AuditDatabase, events, startAuditDatabase, TENANT } from "../support/audit-database.js";
import { LOG_KEY, openAuditLog } from "../support/audit-log.js";
import { holdQueries } from "../support/held-queries.js";

describe("checkpoints", () => {
  let database: AuditDatabase;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());
  beforeEach(() =>
    database.pool.query("TRUNCATE audit_pending, audit_records, audit_nodes, audit_checkpoints"),
  );

  const open = (...args: Parameters<typeof openAuditLog> extends [unknown, ...infer Rest] ? Rest : never) => {
    const log = openAuditLog(database, ...args);
    afterTest(() => log.remove());
    return log;
  };
  const entriesOf = async (place: { read(tenantId: string): AsyncIterable<PlaceEntry> }) => {
    const entries: PlaceEntry[] = [];
    for await (const entry of place.read(TENANT)) entries.push(entry);
    return entries;
  };

  test("a tree that has grown is signed once, with the hashes of its new leaves", async () => {
    const log = open();
    assert.equal(await log.checkpointer.checkpoint(TENANT), undefined);
    await log.grow(3);
    await log.grow(1100);
    assert.equal(await log.checkpointer.checkpoint(TENANT), undefined);
    const note = await log.files.latest(TENANT);
    const checkpoint = openCheckpoint(note ?? "", [LOG_KEY]);
    assert.equal(checkpoint?.origin, originOf(LOG_KEY, TENANT));
    assert.equal(checkpoint?.size, 1103);
    assert.deepEqual(checkpoint?.root, await rootAt(database.pool, TENANT, 1103));
    const { rows } = await database.pool.query("SELECT content FROM audit_records ORDER BY leaf_index");
    const leaves = (await entriesOf(log.files)).flatMap((entry) => ("leaves" in entry ? [entry.leaves] : []));
    assert.deepEqual(Buffer.concat(leaves), Buffer.concat(rows.map(({ content }) => leafHash(content))));
    const copies = await database.pool.query("SELECT tree_size FROM audit_checkpoints ORDER BY tree_size");
    assert.deepEqual(
      copies.rows.map(({ tree_size }) => Number(tree_size)),
      [3, 1103],
    );
  });

  test("a place that is new, or was away, gets all that it lacks", async () => {
    const first = open();
    await first.grow(5);
    const objects = new CheckpointObjects(new FolderObjectStore(path.join(first.folder, "objects")));
    let isAway = true;
    const troubles: string[] = [];
    const shaky = {
      name: "shaky",
      latest: (tenantId: string) => (isAway ? Promise.reject(new Error("away")) : objects.latest(tenantId)),
      publish: (...args: Parameters<typeof objects.publish>) => objects.publish(...args),
      read: (tenantId: string) => objects.read(tenantId),
    };
    const log = open({
      folder: first.folder,
      places: [first.files, shaky],
      onTrouble: (where) => troubles.push(where),
    });
    await log.grow(2);
    assert.ok(troubles.length > 0 && troubles.every((where) => where === "shaky"));
    isAway = false;
    await log.checkpointer.checkpoint(TENANT);
    assert.equal(sizeOf(await objects.latest(TENANT)), 7);
    const leaves = (await entriesOf(objects)).flatMap((entry) => ("leaves" in entry ? [entry.leaves] : []));
    assert.equal(Buffer.concat(leaves).length, 7 * 32);
  });

  test("no place at all: told, and nothing is signed", async () => {
    const away = {
      name: "away",
      latest: async () => undefined,
      publish: () => Promise.reject(new Error("disk full")),
      read: async function* () {},
    };
    const log = open({ places: [away] });
    await assert.rejects(log.grow(1), /no place takes checkpoints/);
    assert.equal((await database.pool.query("SELECT FROM audit_checkpoints")).rowCount, 0);
  });

  describe("what was published is continued, or nothing is signed", () => {
    const broken: readonly (readonly [
      name: string,
      sql: string,
      error: typeof TreeBroken | typeof CheckpointFork,
    ])[] = [
      ["the tail is gone", "DELETE FROM audit_records WHERE leaf_index >= 8", TreeBroken],
      ["all is gone", "TRUNCATE audit_records, audit_nodes, audit_checkpoints", TreeBroken],
      ["another root", "UPDATE audit_nodes SET hash = sha256(hash) WHERE level = 3", CheckpointFork],
      ["an altered copy", "UPDATE audit_checkpoints SET note = replace(note, 'crm', 'CRM')", CheckpointFork],
      ["nodes are missing", "DELETE FROM audit_nodes WHERE level = 3", TreeBroken],
    ];
    for (const [name, sql, error] of broken)
      test(name, async () => {
        const log = open();
        await log.grow(10);
        await database.pool.query(sql);
        await assert.rejects(log.checkpointer.checkpoint(TENANT), error);
      });

    test("leaves that were changed before they were signed", async () => {
      const log = open();
      await log.grow(10);
      await log.trail.record(TENANT, ACTOR, events(3));
      await integrate(database.pool, TENANT);
      await database.pool.query(
        "UPDATE audit_nodes SET hash = sha256(hash) WHERE level = 0 AND position = 11",
      );
      await assert.rejects(log.checkpointer.checkpoint(TENANT), /leaves 10 to 12/);
    });

    test("the database from a backup, which then grows into another tree", async () => {
      const log = open();
      await log.grow(6);
      await log.grow(6);
      await database.pool.query("DELETE FROM audit_records WHERE leaf_index >= 6");
      await database.pool.query("DELETE FROM audit_checkpoints WHERE tree_size > 6");
      await database.pool.query("DELETE FROM audit_nodes WHERE (position + 1) << level > 6");
      await log.trail.record(TENANT, ACTOR, events(9));
      await integrate(database.pool, TENANT);
      assert.equal(await treeSize(database.pool, TENANT), 15);
      await assert.rejects(log.checkpointer.checkpoint(TENANT), CheckpointFork);
      assert.equal(sizeOf(await log.files.latest(TENANT)), 12);
    });

    test("a file that somebody has written to", async () => {
      const log = open();
      await log.grow(4);
      const file = log.files.fileOf(TENANT);
      writeFileSync(file, readFileSync(file, "utf8").replace("\\n4\\n", "\\n5\\n"));
      const again = open({ folder: log.folder });
      await assert.rejects(again.grow(4), CheckpointFork);
    });
  });

  test("a line that a crash tore is passed over", async () => {
    const log = open();
    await log.grow(4);
    appendFileSync(log.files.fileOf(TENANT), '{"note":"crm.exam');
    const again = open({ folder: log.folder });
    await again.grow(4);
    assert.equal(sizeOf(await again.files.latest(TENANT)), 8);
    assert.deepEqual((await again.trail.verifyAuditIntegrity(TENANT)).errors, []);
  });

  test("a new key signs what the former one began", async () => {
    const log = open();
    await log.grow(4);
    const key = signerKey("crm.example/audit-2", Buffer.alloc(32, 8));
    await assert.rejects(open({ folder: log.folder, key }).grow(1), /AUDIT_FORMER_KEYS/);
    const rotated = open({ folder: log.folder, key, formerKeys: [LOG_KEY] });
    await rotated.grow(1);
    assert.deepEqual(await rotated.trail.verifyAuditIntegrity(TENANT), {
      valid: true,
      errors: [],
      size: 6,
      provenSize: 6,
    });
  });

  test("a step that another process overtakes between two looks does not take its records for missing", async () => {
    const log = open();
    await log.grow(3);
    const { pool, held, release } = holdQueries(database.pool, /max\((?:leaf_index|tree_size)\)/);
    const overtaken = integrate(pool, TENANT, { takeLock: false });
    await held;
    await log.grow(4);
    release();
    assert.deepEqual(await overtaken, { added: 0, size: 7 });
  });

  test("processes that all sign at once sign parts of one tree", async () => {
    const log = open();
    const { pool } = database;
    const others = [0, 1, 2].map(
      () => new Checkpointer({ pool, key: LOG_KEY, places: [open({ folder: log.folder }).files] }),
    );
    for (let round = 0; round < 8; round++) {
      await log.trail.record(TENANT, ACTOR, events(7));
      await Promise.all([
        integrate(pool, TENANT),
        ...others.map((other) => other.checkpoint(TENANT, { takeLock: false })),
      ]);
      await Promise.all(others.map((other) => other.checkpoint(TENANT, { takeLock: false })));
    }
    const notes = (await entriesOf(log.files)).flatMap((entry) => ("note" in entry ? [entry.note] : []));
    assert.ok(notes.length >= 8);
    for (const note of notes) {
      const checkpoint = openCheckpoint(note, [LOG_KEY]) ?? assert.fail(note);
      assert.deepEqual(checkpoint.root, await rootAt(pool, TENANT, checkpoint.size));
    }
    assert.deepEqual((await log.trail.verifyAuditIntegrity(TENANT)).errors, []);
  });
});
