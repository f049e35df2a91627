// Whether records are those that were signed: ten thousand ways in which a superuser may change them, and the first bad index.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from "@jest/globals";
import * as fc from "fast-check";
import { afterTest, tell } from "../../servers/in-test.js";
import { parseState } from "../../services/audit/integrity.js";
import { integrate } from "../../services/audit/tree-store.js";
import { copyOf, verifyCopy } from "../support/audit-copy.js";
import {
  ACTOR,
  type AuditDatabase,
  events,
  OTHER_TENANT,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { type AuditLog, openAuditLog } from "../support/audit-log.js";
import { mutated, mutationOf } from "../support/audit-mutations.js";

const MUTATIONS = 10_000;
const MUTATIONS_IN_POSTGRESQL = 300;
const SIZE = 24;

describe("integrity", () => {
  let database: AuditDatabase;
  let log: AuditLog;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.pool.query("TRUNCATE audit_pending, audit_records, audit_nodes, audit_checkpoints");
    log = openAuditLog(database);
  });
  afterEach(() => log.remove());

  const verify = () => log.trail.verifyAuditIntegrity(TENANT);

  test("records that nobody has changed are valid, signed or not", async () => {
    assert.deepEqual(await verify(), { valid: true, errors: [], size: 0, provenSize: 0 });
    await log.grow(7);
    await log.grow(1500);
    await log.trail.record(TENANT, ACTOR, events(3));
    await integrate(database.pool, TENANT);
    await log.trail.record(TENANT, ACTOR, events(2));
    assert.deepEqual(await verify(), { valid: true, errors: [], size: 1510, provenSize: 1507 });
    assert.deepEqual(await log.trail.verifyAuditIntegrity(OTHER_TENANT), {
      valid: true,
      errors: [],
      size: 0,
      provenSize: 0,
    });
  });

  test(`${MUTATIONS} random mutations of a copy of the rows are all found, each with its first bad index`, async () => {
    for (const step of [1, 6, 8, SIZE - 15]) await log.grow(step);
    const copy = await copyOf(database.pool, log.files);
    assert.deepEqual((await verifyCopy(copy)).errors, []);
    const counts: Record<string, number> = {};
    let unchanged = 0;
    const begun = performance.now();
    await fc.assert(
      fc.asyncProperty(mutationOf(SIZE), async (mutation) => {
        const { copy: bad, firstBad } = mutated(copy, mutation);
        const report = await verifyCopy(bad);
        if (firstBad === undefined) {
          unchanged += 1;
          return;
        }
        counts[mutation.kind] = (counts[mutation.kind] ?? 0) + 1;
        assert.equal(report.valid, false);
        assert.equal(report.firstBadIndex, firstBad, report.errors.join("\n"));
        assert.match(report.errors[0] ?? "", new RegExp(`^index ${firstBad}: `));
      }),
      { numRuns: MUTATIONS, endOnFailure: true },
    );
    tell(
      `${JSON.stringify(counts)}, ${unchanged} changed nothing, ${Math.round(performance.now() - begun)} ms`,
    );
    assert.equal(Object.keys(counts).length, 7);
    assert.ok(unchanged < MUTATIONS / 50);
  });

  describe("what else may be wrong", () => {
    const changes: readonly (readonly [sql: string, firstBad: number, told: RegExp])[] = [
      ["UPDATE audit_nodes SET hash = sha256(hash) WHERE level = 0 AND position = 5", 5, /node 0\/5/],
      ["UPDATE audit_nodes SET hash = sha256(hash) WHERE level = 2 AND position = 1", 7, /node 2\/1/],
      ["DELETE FROM audit_nodes WHERE level = 1 AND position = 3", 7, /node 1\/3/],
      ["DELETE FROM audit_records WHERE leaf_index IN (3, 9)", 3, /record is missing/],
      ["UPDATE audit_records SET content = '{}' WHERE leaf_index = 11", 11, /not the one that was signed/],
      [
        "UPDATE audit_checkpoints SET note = replace(note, '4', '5') WHERE tree_size = 4",
        3,
        /copy of the checkpoint/,
      ],
      ["TRUNCATE audit_records, audit_nodes, audit_checkpoints", 0, /index 0: the record is missing/],
    ];
    for (const [sql, firstBad, told] of changes)
      test(sql, async () => {
        await log.grow(4);
        await log.grow(9);
        await database.pool.query(sql);
        const { firstBadIndex, errors } = await verify();
        assert.equal(firstBadIndex, firstBad, errors.join("\n"));
        assert.match(errors[0] ?? "", told);
      });

    test("a record that is not signed yet is held against the tree", async () => {
      await log.grow(4);
      await log.trail.record(TENANT, ACTOR, events(4));
      await integrate(database.pool, TENANT);
      await database.pool.query("UPDATE audit_records SET content = '{}' WHERE leaf_index = 6");
      const { firstBadIndex, provenSize } = await verify();
      assert.deepEqual([firstBadIndex, provenSize], [6, 4]);
    });

    test("leaves that were published and changed later do not make records bad", async () => {
      await log.grow(4);
      await log.grow(4);
      const file = log.files.fileOf(TENANT);
      const lines = readFileSync(file, "utf8").split("\n");
      const wrong = lines.map((line) =>
        line.includes('"from":4') ? line.replace(/"leaves":"..../, '"leaves":"AAAA') : line,
      );
      writeFileSync(file, wrong.join("\n"));
      const { errors } = await verify();
      assert.deepEqual(errors, ["the published leaves 4 to 7 are not those that were signed"]);
    });

    test("a checkpoint of somebody else", async () => {
      await log.grow(4);
      const file = log.files.fileOf(TENANT);
      writeFileSync(file, readFileSync(file, "utf8").replaceAll("crm.example", "crn.example"));
      assert.match((await verify()).errors[0] ?? "", /not signed by this log/);
    });

    test("many errors: the first twenty are told", async () => {
      await log.grow(3000);
      await database.pool.query("UPDATE audit_records SET content = '{}' WHERE leaf_index >= 1234");
      const { firstBadIndex, errors } = await verify();
      assert.equal(firstBadIndex, 1234);
      assert.equal(errors.length, 20);
    });
  });

  test("an interrupted pass goes on where it was, and finds what comes behind", async () => {
    for (let n = 0; n < 3; n++) await log.grow(1100);
    const states: string[] = [];
    await assert.rejects(
      log.trail.verifyAuditIntegrity(TENANT, {
        onProven: (state) => {
          states.push(JSON.stringify(state));
          if (states.length === 2) throw new Error("stopped");
        },
      }),
      /stopped/,
    );
    const from = parseState(states.at(-1) ?? "");
    assert.equal(from.size, 2200);
    // What lies before is not looked at a second time.
    await database.pool.query("DELETE FROM audit_records WHERE leaf_index < 2000");
    assert.deepEqual((await log.trail.verifyAuditIntegrity(TENANT, { from })).errors, []);
    await database.pool.query("UPDATE audit_records SET content = '{}' WHERE leaf_index = 2201");
    assert.equal((await log.trail.verifyAuditIntegrity(TENANT, { from })).firstBadIndex, 2201);
    for (const bad of ["", "{}", '{"size":3,"hashes":[]}', "null"]) assert.throws(() => parseState(bad));
  });

  test("memory does not grow with the records", async () => {
    await log.grow(2000);
    const { pool } = database;
    // The same tree many times as long costs a test too much: what is held at a time is looked at instead.
    const held: number[] = [];
    const { integritySource } = await import("../../services/audit/integrity-source.js");
    const source = integritySource(pool, TENANT);
    await log.grow(3000);
    for (let from = 0; from < 5000; from += 1000) {
      const { records, nodes } = await source.batch(from, from + 1000);
      held.push(records.length, nodes.length);
    }
    assert.ok(Math.max(...held) <= 2010, `${held}`);
  });
});

test(`${MUTATIONS_IN_POSTGRESQL} mutations in PostgreSQL, by its superuser`, async () => {
  const database = await startAuditDatabase();
  const { pool } = database;
  const log = openAuditLog(database);
  afterTest(async () => {
    log.remove();
    await database.close();
  });
  for (const step of [1, 6, 8, SIZE - 15]) await log.grow(step);
  const copy = await copyOf(pool, log.files);
  await pool.query("CREATE TABLE checkpoints_kept AS SELECT * FROM audit_checkpoints");
  // A superuser may do that, too: generated columns have no value for what is no JSON any more.
  for (const column of [
    "record_id",
    "recorded_at",
    "entity_type",
    "entity_id",
    "data_class",
    "subject",
    "action",
  ])
    await pool.query(`ALTER TABLE audit_records ALTER COLUMN ${column} DROP EXPRESSION`);
  await fc.assert(
    fc.asyncProperty(mutationOf(SIZE), async (mutation) => {
      const { copy: bad, firstBad } = mutated(copy, mutation);
      // Of a few rows that costs less than TRUNCATE.
      await pool.query(
        `WITH records AS (DELETE FROM audit_records), nodes AS (DELETE FROM audit_nodes) DELETE FROM audit_checkpoints`,
      );
      await pool.query(
        `WITH records AS (
           INSERT INTO audit_records (tenant_id, leaf_index, content, pruned_by)
           SELECT $1, index, content, by FROM unnest($2::bigint[], $3::text[], $4::uuid[]) AS t (index, content, by))
         INSERT INTO audit_nodes
         SELECT $1, level, position, hash FROM unnest($5::smallint[], $6::bigint[], $7::bytea[]) AS t (level, position, hash)`,
        [
          TENANT,
          bad.records.map(({ index }) => index),
          bad.records.map(({ content }) => content),
          bad.records.map(({ prunedBy }) => prunedBy),
          bad.nodes.map(({ level }) => level),
          bad.nodes.map(({ position }) => position),
          bad.nodes.map(({ hash }) => hash),
        ],
      );
      if (bad.checkpoints.length > 0)
        await pool.query("INSERT INTO audit_checkpoints SELECT * FROM checkpoints_kept");
      const report = await log.trail.verifyAuditIntegrity(TENANT);
      assert.equal(report.firstBadIndex, firstBad, report.errors.join("\n"));
    }),
    { numRuns: MUTATIONS_IN_POSTGRESQL, endOnFailure: true },
  );
});
