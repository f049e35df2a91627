// Blocks as a view of the tree, their copies in the cache, and what pruning leaves of both.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTenantCache, type TenantCache } from "express-tenant-cache";
import { AuditBlocks, BLOCK_RECORDS } from "../../services/audit/audit-blocks.js";
import { canonicalRecords } from "../../services/audit/canonical-record.js";
import { EMPTY_ROOT, verifyConsistency } from "../../services/audit/merkle.js";
import { PRUNER, prunedRanges, pruneEvents } from "../../services/audit/prune-record.js";
import { pruneRecords } from "../../services/audit/pruning.js";
import { consistencyProof, inclusionProof, rootAt } from "../../services/audit/tree-store.js";
import {
  type AuditDatabase,
  OTHER_TENANT,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { type AuditLog, openAuditLog } from "../support/audit-log.js";
import { PATIENT, quiet } from "../support/caches.js";

describe("blocks and pruning", () => {
  let database: AuditDatabase;
  let log: AuditLog;
  let cache: TenantCache;
  let blocks: AuditBlocks;
  beforeAll(async () => {
    database = await startAuditDatabase();
    log = openAuditLog(database);
    cache = createTenantCache({ tenant: () => undefined, ...PATIENT, logger: quiet });
    blocks = new AuditBlocks({ pool: database.pool, cache });
    await log.grow(250);
  });
  afterAll(async () => {
    await cache.close();
    log.remove();
    await database.close();
  });
  const blockOf = async (n: number) =>
    (await blocks.block(TENANT, n)) ?? assert.fail(`there is no block ${n}`);

  test("each begins with the hash of the one before, which its tree continues", async () => {
    const [first, second, last] = [await blockOf(0), await blockOf(1), await blockOf(2)];
    assert.equal(await blocks.count(TENANT), 3);
    assert.equal(first.previousHash, EMPTY_ROOT.toString("hex"));
    assert.equal(second.previousHash, first.hash);
    assert.equal(last.previousHash, second.hash);
    assert.deepEqual(
      [first.logs.length, second.logs.length, last.logs.length],
      [BLOCK_RECORDS, BLOCK_RECORDS, 50],
    );
    assert.equal(second.blockNumber, 1);
    assert.equal(second.logs[0]?.index, 100);
    assert.match(second.timestamp, /^\d{4}-\d\d-\d\dT.*Z$/);
    const proof = await consistencyProof(database.pool, TENANT, 100, 200);
    assert.ok(
      verifyConsistency(100, 200, proof, Buffer.from(first.hash, "hex"), Buffer.from(second.hash, "hex")),
    );
    for (const none of [3, -1, 0.5, Number.NaN]) assert.equal(await blocks.block(TENANT, none), undefined);
    assert.equal(await blocks.block(OTHER_TENANT, 0), undefined);
    const leftSeconds = (await cache.manager.tenant(TENANT).ttl("audit_block:1")) ?? 0;
    assert.ok(leftSeconds > 89 * 86_400 && leftSeconds <= 90 * 86_400, `${leftSeconds}`);
    assert.equal(await cache.manager.tenant(TENANT).exists("audit_block:2"), false, "it may still grow");
  });

  test("whole ones are read from the cache, a growing one is not", async () => {
    await blockOf(0);
    await blockOf(2);
    const names = await Promise.all(
      [0, 2].map((n) => cache.manager.tenant(TENANT).exists(`audit_block:${n}`)),
    );
    assert.deepEqual(names, [true, false]);
    assert.deepEqual(await blockOf(0), await blockOf(0));
    await log.grow(1);
    assert.equal((await blockOf(2)).logs.length, 51);
  });

  test("pruned contents are gone from the table and from copies; all proofs and the rest stay", async () => {
    const { pool } = database;
    const before = await blockOf(1);
    const root = await rootAt(pool, TENANT, 251);
    const proof = await inclusionProof(pool, TENANT, 150, 251);
    const indexes = [3, 101, 102, 103, 150, 199, 5000];
    const pruned = await pruneRecords(
      pool,
      { tenantId: TENANT, indexes, reason: "over", actor: PRUNER },
      { pseudonym },
    );
    assert.deepEqual(pruned, [3, 101, 102, 103, 150, 199]);
    assert.ok(await blocks.forget(TENANT, pruned));
    const after = await blockOf(1);
    assert.deepEqual(after.logs[1], { index: 101, pruned: true });
    assert.equal(after.hash, before.hash);
    assert.deepEqual(await rootAt(pool, TENANT, 251), root);
    assert.deepEqual(await inclusionProof(pool, TENANT, 150, 251), proof);
    await log.grow(1);
    assert.deepEqual((await log.trail.verifyAuditIntegrity(TENANT)).errors, []);
    const again = await pruneRecords(
      pool,
      { tenantId: TENANT, indexes, reason: "over", actor: PRUNER },
      { pseudonym },
    );
    assert.deepEqual(again, []);
  });

  test("a content that is missing without a record of its pruning is a loss", async () => {
    const { pool } = database;
    const { rows } = await pool.query("SELECT pruned_by FROM audit_records WHERE leaf_index = 3");
    const { rows: kept } = await pool.query("SELECT content FROM audit_records WHERE leaf_index = 8");
    await pool.query("UPDATE audit_records SET content = NULL, pruned_by = $1 WHERE leaf_index = 8", [
      rows[0].pruned_by,
    ]);
    const report = await log.trail.verifyAuditIntegrity(TENANT);
    assert.deepEqual(report.errors, [
      "index 8: the content is missing, and no record says that it was pruned",
    ]);
    await pool.query("UPDATE audit_records SET content = $1, pruned_by = NULL WHERE leaf_index = 8", [
      kept[0].content,
    ]);
  });

  test("neither records of pruning nor what is not signed yet are pruned", async () => {
    const { pool } = database;
    await log.trail.record(TENANT, PRUNER, [
      { action: "read", entityType: "t", entityId: "1", dataClass: "phi" },
    ]);
    const indexes = Array.from({ length: 1000 }, (_, index) => index);
    const request = { tenantId: TENANT, indexes, reason: "all", actor: PRUNER };
    assert.ok((await pruneRecords(pool, request, { pseudonym })).length > 200);
    await log.grow(1);
    const { rows } = await pool.query(
      "SELECT DISTINCT entity_type FROM audit_records WHERE tenant_id = $1 AND content IS NOT NULL ORDER BY 1",
      [TENANT],
    );
    assert.deepEqual(
      rows.map(({ entity_type }) => entity_type),
      ["audit_record", "communication", "t"],
    );
    assert.deepEqual((await log.trail.verifyAuditIntegrity(TENANT)).errors, []);
  });

  test("thousands of scattered indexes are named by few records, and each by one", async () => {
    const indexes = Array.from({ length: 5000 }, (_, n) => 1_000_000 + n * 2);
    const parts = pruneEvents(indexes, "over");
    assert.deepEqual(
      parts.flatMap((part) => part.indexes),
      indexes,
    );
    const contents = await canonicalRecords(
      TENANT,
      PRUNER,
      parts.map(({ event }) => event),
      { pseudonym },
    );
    assert.ok(
      contents.length <= 6 && contents.every((content) => content.length < 16_384),
      `${contents.length}`,
    );
    const named = contents.flatMap((content) => prunedRanges(content)).sort(([one], [other]) => one - other);
    assert.deepEqual(
      named,
      indexes.map((index) => [index, index]),
    );
  });
});
