// Erasure as a job: what it asks of holders, what it reports, and that there is one of it.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { holdTime } from "../../servers/in-test.js";
import { destroyTenantKeys } from "../../services/subjects/destroy-tenant.js";
import { type EraseHolder, ErasureUnfinished } from "../../services/subjects/erase-holder.js";
import { KeyDestroyed } from "../../services/subjects/key-provider.js";
import { SubjectErased } from "../../services/subjects/subject-key-rows.js";
import type { SubjectVault } from "../../services/subjects/subject-vault.js";
import {
  OTHER_TENANT,
  type SubjectDatabase,
  startSubjectDatabase,
  TENANT,
} from "../support/subject-database.js";

/** Holds one thing of each subject, and notes what it is asked. */
class Holder implements EraseHolder {
  readonly name: string;
  readonly asked: string[] = [];
  readonly #gone = new Set<string>();
  failure: Error | undefined;

  constructor(name: string) {
    this.name = name;
  }

  async holds(_tenantId: string, subjectId: string) {
    this.asked.push("holds");
    return this.#gone.has(subjectId) ? [] : [{ what: this.name, where: "memory", count: 1 }];
  }

  async erase(_tenantId: string, subjectId: string, reason: string) {
    this.asked.push(`erase: ${reason}`);
    if (this.failure) throw this.failure;
    this.#gone.add(subjectId);
  }

  async export(_tenantId: string, subjectId: string) {
    return [{ subjectId }];
  }
}

describe("erasure", () => {
  let database: SubjectDatabase;
  beforeAll(async () => {
    database = await startSubjectDatabase();
  });
  afterAll(() => database.close());

  const vaultWith = (...holders: readonly EraseHolder[]): SubjectVault => {
    const vault = database.vault();
    for (const holder of holders) vault.onErase(holder);
    return vault;
  };
  const tombstones = async (subjectId: string) =>
    (await database.trail.getAuditLogs(TENANT, "subject", subjectId)).filter(
      ({ action }) => action === "erase",
    );
  const staled = () =>
    database.pool.query(
      "UPDATE subject_erasures SET attempted_at = now() - interval '6 s' WHERE finished_at IS NULL",
    );

  test("fences the subject's tag, asks each holder, and reports what was held before", async () => {
    const holders = [new Holder("notes"), new Holder("outbox")];
    const fenced: unknown[] = [];
    const vault = database.vault({
      fence: async (...call) => {
        fenced.push(call);
        return false;
      },
    });
    for (const holder of holders) vault.onErase(holder);
    await vault.seal(TENANT, ["reported"], "note", 1);
    const actor = { id: "user-1", role: "supervisor", requestId: "req-7" };
    const report = await vault.erase(TENANT, "reported", "withdrawn consent", actor);
    assert.deepEqual(fenced, [[TENANT, await vault.tag(TENANT, "reported")]]);
    for (const { asked } of holders) assert.deepEqual(asked, ["holds", "erase: withdrawn consent"]);
    assert.deepEqual(
      report.held?.map(({ what, count }) => [what, count]),
      [
        ["data key", 1],
        ["notes", 1],
        ["outbox", 1],
      ],
    );
    assert.deepEqual(report.requestedBy, { id: "user-1", role: "supervisor" });
    assert.equal(report.pseudonym, await vault.pseudonym(TENANT, "reported"));
    assert.ok((report.finishedAt ?? "") >= report.requestedAt);
    assert.deepEqual(await vault.erasureReport(TENANT, "reported"), report);
    assert.equal(await vault.erasureReport(OTHER_TENANT, "reported"), undefined);
    const [tombstone] = await tombstones("reported");
    assert.deepEqual(tombstone?.actor, { id: "user-1", role: "supervisor" });
    assert.equal(tombstone?.request, "req-7");
    assert.deepEqual(tombstone?.detail, { erasure: report.id, reason: "withdrawn consent" });
  });

  test("nothing at rest says whom it was about, once it is over", async () => {
    const vault = vaultWith(new Holder("notes"));
    await vault.erase(TENANT, "hubspot:very-own-id", "objection");
    const { rows } = await database.pool.query(
      `SELECT FROM (SELECT to_jsonb(e)::text AS row FROM subject_erasures e
         UNION ALL SELECT to_jsonb(k)::text FROM subject_keys k
         UNION ALL SELECT content FROM audit_pending) AS all_rows WHERE row LIKE '%very-own-id%'`,
    );
    assert.equal(rows.length, 0);
    const jobs = await database.pool.query("SELECT FROM subject_erasures WHERE sealed_subject IS NOT NULL");
    assert.equal(jobs.rowCount, 0);
  });

  test("asked for at the same time, by several processes, it happens once", async () => {
    const vaults = [1, 2, 3].map(() => vaultWith(new Holder("notes")));
    await vaults[0]?.seal(TENANT, ["raced"], "note", 1);
    const reports = await Promise.all(
      vaults.map((vault, index) => vault.erase(TENANT, "raced", `reason ${index}`)),
    );
    assert.equal(new Set(reports.map(({ id }) => id)).size, 1);
    assert.equal((await tombstones("raced")).length, 1);
  });

  test("a key that is made while the subject is erased is destroyed, or not made", async () => {
    for (let round = 0; round < 10; round += 1) {
      const [vault, other] = [database.vault(), database.vault()];
      const subject = `raced:${round}`;
      const [sealed] = await Promise.allSettled([
        other.seal(TENANT, [subject], "note", 1),
        vault.erase(TENANT, subject, "objection"),
      ]);
      if (sealed.status === "rejected") assert.ok(sealed.reason instanceof SubjectErased);
      else assert.equal(await other.open(TENANT, "note", sealed.value), undefined);
      await assert.rejects(other.seal(TENANT, [subject], "note", 1), SubjectErased);
    }
    const { rows } = await database.pool.query(
      "SELECT FROM subject_keys k JOIN subject_erasures e USING (tenant_id, pseudonym)",
    );
    assert.equal(rows.length, 0);
  });

  test("somebody who is not known is erased, too, and gets no key later", async () => {
    const vault = vaultWith();
    const report = await vault.erase(TENANT, "unknown", "objection");
    assert.deepEqual([report.state, report.held], ["erased", []]);
    await assert.rejects(vault.seal(TENANT, ["unknown"], "note", 1), SubjectErased);
  });

  test("a holder that fails: the key is gone all the same, the others have dropped theirs, and the job goes on", async () => {
    const [failing, other] = [new Holder("failing"), new Holder("other")];
    const vault = vaultWith(failing, other);
    const sealed = await vault.seal(TENANT, ["stuck"], "note", 1);
    failing.failure = new Error("the connector is away");
    await assert.rejects(vault.erase(TENANT, "stuck", "objection"), (error: unknown) => {
      assert.ok(error instanceof ErasureUnfinished);
      assert.match(error.message, /the connector is away/);
      assert.doesNotMatch(error.message, /stuck/);
      return true;
    });
    assert.equal(await vault.open(TENANT, "note", sealed), undefined);
    assert.deepEqual(await other.holds(TENANT, "stuck"), []);
    assert.equal((await tombstones("stuck")).length, 0);
    await staled();
    assert.match((await vault.resumeErasures()).problem ?? "", /the connector is away/);
    failing.failure = undefined;
    await staled();
    assert.deepEqual(await vault.resumeErasures(), { finished: 1 });
    const report = await vault.erasureReport(TENANT, "stuck");
    // As it was before the first attempt.
    assert.deepEqual(
      report?.held?.map(({ what }) => what),
      ["data key", "failing", "other"],
    );
    assert.equal((await tombstones("stuck")).length, 1);
    assert.deepEqual(await vault.resumeErasures(), { finished: 0 });
  });

  test("one whose subject nobody can tell any more keeps no other from being finished, of any tenant", async () => {
    const failing = new Holder("failing");
    failing.failure = new Error("not now");
    const vault = vaultWith(failing);
    for (const [tenantId, subjectId] of [
      [TENANT, "untold"],
      [TENANT, "told"],
      [OTHER_TENANT, "theirs"],
    ] as const)
      await assert.rejects(vault.erase(tenantId, subjectId, "objection"), ErasureUnfinished);
    const untold = await vault.pseudonym(TENANT, "untold");
    await database.pool.query("UPDATE subject_erasures SET sealed_subject = '\\x00' WHERE pseudonym = $1", [
      untold,
    ]);
    failing.failure = undefined;
    await staled();
    const { finished, problem } = await vault.resumeErasures();
    assert.equal(finished, 2);
    assert.match(problem ?? "", /does not say which subject/);
    assert.equal((await vault.erasureReport(TENANT, "told"))?.state, "erased");
    assert.equal((await vault.erasureReport(OTHER_TENANT, "theirs"))?.state, "erased");
    assert.equal((await vault.erasureReport(TENANT, "untold"))?.state, "unfinished");
    await database.pool.query("DELETE FROM subject_erasures WHERE pseudonym = $1", [untold]);
  });

  test("a holder that never answers does not hold the caller for ever", async () => {
    const pass = holdTime(["setTimeout", "clearTimeout"]);
    const vault = database.vault({ stepBudgetMs: 200 });
    let asked = () => {};
    const erasing = new Promise<void>((resolve) => {
      asked = resolve;
    });
    vault.onErase({
      name: "hung",
      holds: async () => [],
      erase: () => {
        asked();
        return new Promise(() => undefined);
      },
      export: async () => [],
    });
    const refused = assert.rejects(
      vault.erase(TENANT, "hung", "objection"),
      /"hung" has not answered within 200 ms/,
    );
    await erasing;
    pass(200);
    await refused;
    await database.pool.query("DELETE FROM subject_erasures WHERE finished_at IS NULL");
  });

  test("the end of a tenant: all of its keys are destroyed, and no other tenant's", async () => {
    const vault = database.vault();
    const mine = await vault.seal(TENANT, ["kept"], "note", 1);
    const theirs = await vault.seal(OTHER_TENANT, ["lost"], "note", 1);
    const copies = await database.pool.query("SELECT * FROM subject_keys WHERE tenant_id = $1", [
      OTHER_TENANT,
    ]);
    assert.equal(await destroyTenantKeys(database.pool, database.provider, OTHER_TENANT), copies.rows.length);
    assert.equal(await destroyTenantKeys(database.pool, database.provider, OTHER_TENANT), copies.rows.length);
    for (const { key_id: keyId, wrapped: bytes, wrap_version: version } of copies.rows) {
      const opened = database.provider.unwrap({ tenantId: OTHER_TENANT, keyId }, { bytes, version });
      await assert.rejects(opened, KeyDestroyed);
    }
    const reader = database.vault();
    assert.equal(await reader.open(OTHER_TENANT, "note", theirs), undefined);
    assert.equal(await reader.open(TENANT, "note", mine), 1);
  });

  test("a reason that is none, and a holder's name that is taken, are refused", async () => {
    const vault = vaultWith(new Holder("notes"));
    for (const reason of ["", "  ", "x".repeat(501)]) {
      await assert.rejects(vault.erase(TENANT, "refused", reason), /needs a reason/);
    }
    assert.throws(() => vault.onErase(new Holder("notes")), /two holders are called "notes"/);
    assert.equal(await vault.isErased(TENANT, "refused"), false);
  });

  test("an export is what the holders hand out, by their names", async () => {
    const vault = vaultWith(new Holder("notes"), new Holder("outbox"));
    const { data, held, subjectId } = await vault.export(TENANT, "exported");
    assert.equal(subjectId, "exported");
    assert.deepEqual(data, { notes: [{ subjectId }], outbox: [{ subjectId }] });
    assert.equal(held.length, 2);
  });
});
