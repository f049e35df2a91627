// Sealing and opening under the keys of subjects, with a real database.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { SubjectErased } from "../../services/subjects/subject-key-rows.js";
import { TooManySubjects } from "../../services/subjects/subject-vault.js";
import {
  OTHER_TENANT,
  type SubjectDatabase,
  startSubjectDatabase,
  TENANT,
} from "../support/subject-database.js";

const VALUE = { name: "Ada Lovelace", notes: ["calls on Tuesdays"], age: 36, nothing: null };

describe("subject vault", () => {
  let database: SubjectDatabase;
  beforeAll(async () => {
    database = await startSubjectDatabase();
  });
  afterAll(() => database.close());

  test("what one process seals, another opens, for the same tenant and context alone", async () => {
    const [one, other] = [database.vault(), database.vault()];
    const sealed = await one.seal(TENANT, ["hubspot:1"], "crm_client:1", VALUE);
    assert.deepEqual(await other.open(TENANT, "crm_client:1", sealed), VALUE);
    assert.equal(await other.open(TENANT, "crm_client:2", sealed), undefined);
    assert.equal(await other.open(OTHER_TENANT, "crm_client:1", sealed), undefined);
    assert.deepEqual(other.stats().refused, { format: 0, erased: 1, value: 0, key: 1, bytes: 0 });
  });

  test("of several subjects, any one erased: it opens no more, in no process", async () => {
    const [one, other] = [database.vault(), database.vault()];
    const subjects = ["hubspot:2", "hubspot:3", "hubspot:4"];
    const sealed = await one.seal(TENANT, subjects, "communication:1", VALUE);
    const alone = await one.seal(TENANT, ["hubspot:2"], "communication:2", VALUE);
    assert.deepEqual(await other.open(TENANT, "communication:1", sealed), VALUE);
    const report = await one.erase(TENANT, "hubspot:3", "the person asked for it");
    assert.equal(report.state, "erased");
    assert.equal(await other.open(TENANT, "communication:1", sealed), undefined);
    assert.equal(await one.open(TENANT, "communication:1", sealed), undefined);
    assert.deepEqual(await other.open(TENANT, "communication:2", alone), VALUE);
    for (const vault of [one, other]) {
      await assert.rejects(vault.seal(TENANT, subjects, "communication:3", VALUE), SubjectErased);
      assert.equal(await vault.isErased(TENANT, "hubspot:3"), true);
      assert.equal(await vault.isErased(TENANT, "hubspot:2"), false);
    }
  });

  test("64 subjects are sealed, 65 are not", async () => {
    const vault = database.vault();
    const subjects = Array.from({ length: 65 }, (_, index) => `many:${index}`);
    await assert.rejects(vault.seal(TENANT, subjects, "list:1", VALUE), TooManySubjects);
    const sealed = await vault.seal(TENANT, subjects.slice(1), "list:1", VALUE);
    assert.deepEqual(await vault.open(TENANT, "list:1", sealed), VALUE);
    // Who is named twice counts once.
    await vault.seal(TENANT, [...subjects.slice(1), "many:1"], "list:1", VALUE);
  });

  test("a subject gets one key, however many processes ask for it first", async () => {
    const vaults = Array.from({ length: 4 }, () => database.vault());
    const sealed = await Promise.all(
      vaults.map((vault, index) => vault.seal(TENANT, ["raced:1"], `raced:${index}`, index)),
    );
    const [reader] = vaults;
    const opened = await Promise.all(
      sealed.map((bytes, index) => reader?.open(TENANT, `raced:${index}`, bytes)),
    );
    assert.deepEqual(opened, [0, 1, 2, 3]);
  });

  test("pseudonyms: the same in all processes, another one for each tenant", async () => {
    const [one, other] = [database.vault(), database.vault()];
    const pseudonym = await one.pseudonym(TENANT, "hubspot:9");
    assert.match(pseudonym, /^[0-9a-f]{32}$/);
    assert.equal(await other.pseudonym(TENANT, "hubspot:9"), pseudonym);
    assert.notEqual(await other.pseudonym(OTHER_TENANT, "hubspot:9"), pseudonym);
    assert.equal(await one.tag(TENANT, "hubspot:9"), `subject-${pseudonym}`);
  });
});
