// What goes on behind requests for subjects: erasures, rotation, a key provider that fails.
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { pino } from "pino";
import { afterTest } from "../../servers/in-test.js";
import { until } from "../../servers/until.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { KeysUnavailable } from "../../services/subjects/key-provider.js";
import { openSubjects, type Subjects } from "../../services/subjects/open-subjects.js";
import { PATIENT_TRAIL } from "../support/patient.js";
import {
  type SubjectDatabase,
  startSubjectDatabase,
  TENANT,
  wrappingKey,
} from "../support/subject-database.js";

describe("upkeep of subjects", () => {
  let database: SubjectDatabase;
  let log: string[] = [];
  beforeAll(async () => {
    database = await startSubjectDatabase();
  });
  afterAll(() => database.close());

  function open(keys = database.keys): Subjects<AuditTrail> {
    const { pool, folder } = database;
    log = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        log.push(JSON.parse(String(chunk)).msg);
        done();
      },
    });
    const subjects = openSubjects({
      keys: { keys, folder },
      pool,
      cache: { invalidateTags: async () => true },
      audit: (pseudonym) => new AuditTrail({ ...PATIENT_TRAIL, pool, pseudonym }),
      logger: pino(stream),
    });
    afterTest(() => subjects.stop());
    return subjects;
  }

  test("an erasure that its process has left is finished by another, once nobody has been at it for a while", async () => {
    const dead = database.vault();
    dead.onErase({
      name: "notes",
      holds: async () => [],
      erase: async () => {
        throw new Error("killed");
      },
      export: async () => [],
    });
    await assert.rejects(dead.erase(TENANT, "left", "objection"));
    const { vault, start } = open();
    start();
    await until(
      "it is finished",
      async () => (await vault.erasureReport(TENANT, "left"))?.state === "erased",
    );
    assert.deepEqual(log, []);
  });

  test("a new wrapping key takes over while the process runs, and says so once", async () => {
    const vault = database.vault();
    const sealed = await vault.seal(TENANT, ["rotated"], "note", 1);
    const next = wrappingKey("next");
    const rotating = open([next, ...database.keys]);
    rotating.start();
    const old = () => database.pool.query("SELECT FROM subject_keys WHERE wrap_version <> 'next'");
    await until("all are wrapped again", async () => (await old()).rowCount === 0);
    await until("it is told", () => log.length > 0);
    assert.equal(log.length, 1);
    assert.match(
      log[0] ?? "",
      /^subjects: \d+ data keys wrapped again under "next": the versions before it are not needed/,
    );
    await rotating.stop();
    assert.equal(await open([next]).vault.open(TENANT, "note", sealed), 1);
    // And back, for the tests behind this one.
    const back = open([...database.keys, next]);
    back.start();
    await until(
      "all are as before",
      async () =>
        (await database.pool.query("SELECT FROM subject_keys WHERE wrap_version = 'next'")).rowCount === 0,
    );
  });

  test("sealed values that were changed are told, once; those of an erased subject are not", async () => {
    const { vault, start } = open();
    const sealed = await vault.seal(TENANT, ["changed"], "note", 1);
    await vault.erase(TENANT, "gone", "objection");
    start();
    const changed = sealed.with(-1, (sealed.at(-1) ?? 0) ^ 1);
    for (let read = 0; read < 3; read += 1)
      assert.equal(await vault.open(TENANT, "note", Buffer.from(changed)), undefined);
    await until("it is told", () => log.length > 0);
    assert.match(
      log.join("\n"),
      /^subjects: sealed values do not open \(format 0, key 0, bytes \d, value 0 since the start\)[^\n]*$/,
    );
  });

  test("a folder of secrets that is away: 503, nothing is taken for erased, one line when it begins and one when it is over", async () => {
    const { vault } = open();
    const sealed = await vault.seal(TENANT, ["away"], "note", 1);
    const reader = open();
    const elsewhere = `${database.folder}-elsewhere`;
    renameSync(database.folder, elsewhere);
    for (let read = 0; read < 3; read += 1) {
      await assert.rejects(reader.vault.open(TENANT, "note", sealed), (error: unknown) => {
        assert.ok(error instanceof KeysUnavailable);
        assert.equal(error.status, 503);
        return true;
      });
    }
    assert.equal(log.length, 1);
    assert.match(
      log[0] ?? "",
      /the key provider fails \(a data key's secret is not in the folder of secrets/,
    );
    renameSync(elsewhere, database.folder);
    assert.equal(await reader.vault.open(TENANT, "note", sealed), 1);
  });
});
