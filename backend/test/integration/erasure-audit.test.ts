// The audit trail across an erasure: proofs of before go on verifying, and the tombstone is the one record that is added.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { CheckpointFiles } from "../../services/audit/checkpoint-file.js";
import { Checkpointer } from "../../services/audit/checkpointer.js";
import { leafHash, verifyConsistency, verifyInclusion } from "../../services/audit/merkle.js";
import { consistencyProof, inclusionProof, integrate, rootAt } from "../../services/audit/tree-store.js";
import { LOG_KEY } from "../support/audit-log.js";
import { PATIENT_TRAIL } from "../support/patient.js";
import { type SubjectDatabase, startSubjectDatabase, TENANT } from "../support/subject-database.js";

const ACTOR = { id: "system", role: "system" };

describe("the audit trail across an erasure", () => {
  let database: SubjectDatabase;
  beforeAll(async () => {
    database = await startSubjectDatabase();
  });
  afterAll(() => database.close());

  test("proofs of before verify, the new tree begins with the old one, and pseudonyms stay", async () => {
    const { pool } = database;
    const folder = mkdtempSync(path.join(tmpdir(), "audit-"));
    afterTest(() => rmSync(folder, { recursive: true }));
    const checkpointer = new Checkpointer({ pool, key: LOG_KEY, places: [new CheckpointFiles(folder)] });
    const vault = database.vault();
    const trail = new AuditTrail({
      ...PATIENT_TRAIL,
      pool,
      checkpointer,
      pseudonym: (tenant, id) => vault.pseudonym(tenant, id),
    });
    const grow = async () => {
      while ((await integrate(pool, TENANT))?.added);
      await checkpointer.checkpoint(TENANT);
    };
    for (let number = 0; number < 20; number += 1) {
      const subjectId = number % 2 === 0 ? "hubspot:erased" : "hubspot:kept";
      await trail.record(TENANT, ACTOR, [
        { action: "read", entityType: "client", entityId: `c-${number}`, subjectId, dataClass: "phi" },
      ]);
    }
    await vault.seal(TENANT, ["hubspot:erased"], "note", 1);
    await grow();
    const rows = async () =>
      (
        await pool.query<{ index: number; content: string }>(
          "SELECT leaf_index::int AS index, content FROM audit_records WHERE tenant_id = $1 ORDER BY leaf_index",
          [TENANT],
        )
      ).rows;
    const [before, oldRoot] = [await rows(), await rootAt(pool, TENANT, 20)];
    const proofs = await Promise.all(before.map(({ index }) => inclusionProof(pool, TENANT, index, 20)));

    await vault.erase(TENANT, "hubspot:erased", "objection");
    await grow();

    const after = await rows();
    assert.deepEqual(after.slice(0, 20), before);
    assert.equal(after.length, 21);
    const { valid, errors, provenSize } = await trail.verifyAuditIntegrity(TENANT);
    assert.deepEqual([valid, errors, provenSize], [true, [], 21]);
    for (const [position, { index, content }] of after.slice(0, 20).entries()) {
      const leaf = leafHash(content);
      assert.ok(verifyInclusion(index, 20, leaf, proofs[position] ?? [], oldRoot));
    }
    const proof = await consistencyProof(pool, TENANT, 20, 21);
    assert.ok(verifyConsistency(20, 21, proof, oldRoot, await rootAt(pool, TENANT, 21)));

    const pseudonym = await vault.pseudonym(TENANT, "hubspot:erased");
    const tombstone = JSON.parse(after[20]?.content ?? "{}");
    assert.deepEqual([tombstone.action, tombstone.subject], ["erase", pseudonym]);
    assert.equal(before.filter(({ content }) => content.includes(pseudonym)).length, 10);
    assert.doesNotMatch(after.map(({ content }) => content).join("\n"), /hubspot/);
  });
});
