// Rotation of the wrapping key while data is read and written.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { KeyProvider } from "../../services/subjects/key-provider.js";
import { rewrapKeys } from "../../services/subjects/key-rotation.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import {
  OTHER_TENANT,
  type SubjectDatabase,
  startSubjectDatabase,
  TENANT,
  wrappingKey,
} from "../support/subject-database.js";

const SUBJECTS = Array.from({ length: 130 }, (_, index) => `rotated:${index}`);
const second = wrappingKey("second");

describe("rotation of the wrapping key", () => {
  let database: SubjectDatabase;
  let sealed: Buffer[];
  let rotated: KeyProvider;
  beforeAll(async () => {
    database = await startSubjectDatabase();
    const vault = database.vault();
    sealed = await Promise.all(SUBJECTS.map((id) => vault.seal(TENANT, [id], id, { id })));
    await vault.seal(OTHER_TENANT, ["theirs"], "theirs", 1);
    const { folder, keys } = database;
    rotated = new LocalKeyProvider({ folder, keys: [second, ...keys] });
  });
  afterAll(() => database.close());

  const versions = async () => {
    const { rows } = await database.pool.query<{ version: string; keys: string }>(
      "SELECT wrap_version AS version, count(*) AS keys FROM subject_keys GROUP BY 1 ORDER BY 1",
    );
    return Object.fromEntries(rows.map(({ version, keys }) => [version, Number(keys)]));
  };

  test("a run that is ended goes on with the next one; what is sealed stays as it is, and opens meanwhile", async () => {
    // Of 131 subjects, and the two tenants themselves.
    assert.deepEqual(await versions(), { first: 133 });
    const enough = new AbortController();
    let wraps = 0;
    const interrupted: KeyProvider = {
      currentVersion: rotated.currentVersion,
      generate: (ref) => rotated.generate(ref),
      unwrap: (ref, wrapped) => rotated.unwrap(ref, wrapped),
      destroy: (ref) => rotated.destroy(ref),
      rewrap: (ref, wrapped) => {
        wraps += 1;
        if (wraps === 50) enough.abort();
        if (wraps > 50) throw new Error("the process has been killed");
        return rotated.rewrap(ref, wrapped);
      },
    };
    await rewrapKeys(database.pool, interrupted, enough.signal);
    assert.equal((await versions()).second, 50);
    const reader = database.vault({ provider: rotated });
    const opened = await Promise.all(
      sealed.map((bytes, index) => reader.open(TENANT, SUBJECTS[index] ?? "", bytes)),
    );
    assert.deepEqual(
      opened,
      SUBJECTS.map((id) => ({ id })),
    );
    // Two at a time do no harm.
    const runs = await Promise.all([1, 2].map(() => rewrapKeys(database.pool, rotated)));
    assert.deepEqual(
      runs.map(({ failed }) => failed),
      [0, 0],
    );
    assert.equal(
      runs.reduce((sum, { rewrapped }) => sum + rewrapped, 0),
      83,
    );
    assert.deepEqual(await versions(), { second: 133 });
    assert.deepEqual(await rewrapKeys(database.pool, rotated), { rewrapped: 0, failed: 0 });
  });

  test("then the older wrapping key is needed no more: nothing was sealed again, and pseudonyms stay", async () => {
    const alone = new LocalKeyProvider({ folder: database.folder, keys: [second] });
    const vault = database.vault({ provider: alone });
    assert.deepEqual(await vault.open(TENANT, "rotated:7", sealed[7] ?? Buffer.alloc(0)), {
      id: "rotated:7",
    });
    assert.equal(
      await vault.pseudonym(TENANT, "rotated:7"),
      await database.vault({ provider: rotated }).pseudonym(TENANT, "rotated:7"),
    );
  });

  test("what cannot be wrapped again is counted with its reason, and erased meanwhile it stays erased", async () => {
    const third = wrappingKey("third");
    const without = new LocalKeyProvider({ folder: database.folder, keys: [third] });
    const { rewrapped, failed, problem } = await rewrapKeys(database.pool, without);
    assert.deepEqual([rewrapped, failed], [0, 133]);
    assert.match(problem ?? "", /"second", which is not configured/);
    const both = new LocalKeyProvider({ folder: database.folder, keys: [third, second] });
    const vault = database.vault({ provider: both });
    const [report, run] = await Promise.all([
      vault.erase(TENANT, "rotated:9", "objection"),
      rewrapKeys(database.pool, both),
    ]);
    assert.equal(report.state, "erased");
    assert.equal(run.failed, 0);
    assert.deepEqual(await versions(), { third: 132 });
    assert.equal(await vault.open(TENANT, "rotated:9", sealed[9] ?? Buffer.alloc(0)), undefined);
  });
});
