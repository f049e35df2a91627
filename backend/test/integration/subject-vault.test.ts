// Sealing and opening under the keys of subjects, with a real database.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import fc from "fast-check";
import * as z from "zod";
import { until } from "../../servers/until.js";
import { DataKeys } from "../../services/subjects/data-keys.js";
import { keyIdsOf } from "../../services/subjects/entry-cipher.js";
import type { KeyProvider } from "../../services/subjects/key-provider.js";
import { sensitive } from "../../services/subjects/sensitive-fields.js";
import { SubjectErased } from "../../services/subjects/subject-key-rows.js";
import { TooManySubjects } from "../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../services/subjects/tenant-keys.js";
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

  test("any JSON, about any subjects, comes back", async () => {
    const vault = database.vault();
    const ids = fc.uniqueArray(fc.constantFrom("p:1", "p:2", "p:3", "p:4"), { minLength: 1 });
    const property = fc.asyncProperty(fc.jsonValue(), ids, fc.string(), async (given, subjects, context) => {
      const value: unknown = JSON.parse(JSON.stringify(given));
      const sealed = await vault.seal(TENANT, subjects, context, value);
      assert.deepEqual(await vault.open(TENANT, context, sealed), value);
      assert.equal(await vault.open(TENANT, `${context}.`, sealed), undefined);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test("whatever bytes are opened: nothing, counted, and never an exception", async () => {
    const vault = database.vault();
    const sealed = await vault.seal(TENANT, ["p:1", "p:2"], "c", VALUE);
    const changed = fc
      .tuple(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, by]) => sealed.map((byte, index) => (index === at ? byte ^ by : byte)));
    const bytes = fc.oneof(
      changed,
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(sealed.length - 1).map((end) => sealed.subarray(0, end)),
    );
    let runs = 0;
    const property = fc.asyncProperty(bytes, async (given) => {
      runs += 1;
      assert.equal(await vault.open(TENANT, "c", Buffer.from(given)), undefined);
    });
    await fc.assert(property, { numRuns: 150 });
    assert.equal(
      Object.values(vault.stats().refused).reduce((sum, count) => sum + count),
      runs,
    );
  });

  test("a record: its sensitive fields are sealed, the rest is readable and may change", async () => {
    const vault = database.vault();
    const schema = z.object({ id: z.string(), status: z.string(), name: sensitive(z.string()).optional() });
    const record = { id: "1", status: "new", name: "Ada Lovelace" };
    const { readable, sealed } = await vault.sealRecord(TENANT, ["p:1"], "record", schema, record);
    assert.deepEqual(readable, { id: "1", status: "new" });
    const changed = { readable: { ...readable, status: "old" }, sealed };
    assert.deepEqual(await vault.openRecord(TENANT, "record", schema, changed), { ...record, status: "old" });
    assert.equal(await vault.openRecord(TENANT, "another", schema, changed), undefined);
    assert.equal(await vault.open(TENANT, "record", sealed), undefined, "a record is no value");
    const nameless = await vault.sealRecord(TENANT, ["p:1"], "record", schema, { id: "1", status: "new" });
    assert.equal(nameless.sealed.length, sealed.length, "presence is not told");
  });

  test("data keys in memory are bounded in number; what was pushed out is fetched again", async () => {
    const vault = database.vault({ maxKeys: 3 });
    const subjects = Array.from({ length: 10 }, (_, index) => `bounded:${index}`);
    const sealed = await Promise.all(subjects.map((id) => vault.seal(TENANT, [id], id, id)));
    const all = await vault.seal(TENANT, subjects, "all", "all");
    const opened = () =>
      Promise.all(sealed.map((bytes, index) => vault.open(TENANT, subjects[index] ?? "", bytes)));
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual(await opened(), subjects);
      assert.equal(await vault.open(TENANT, "all", all), "all");
      assert.ok(vault.stats().keysHeld <= 3);
    }
    vault.close();
    assert.equal(vault.stats().keysHeld, 0);
  });

  test("data keys leave the memory after their time, used or not, and are overwritten", async () => {
    const vault = database.vault();
    const sealed = await vault.seal(TENANT, ["timed:1"], "timed", 1);
    const [keyId = ""] = keyIdsOf(sealed) ?? [];
    const { pool, provider } = database;
    const fetched: Buffer[] = [];
    const noted: KeyProvider = {
      currentVersion: provider.currentVersion,
      generate: (ref) => provider.generate(ref),
      rewrap: (ref, wrapped) => provider.rewrap(ref, wrapped),
      destroy: (ref) => provider.destroy(ref),
      unwrap: async (ref, wrapped) => {
        const key = await provider.unwrap(ref, wrapped);
        fetched.push(key);
        return key;
      },
    };
    const keys = new DataKeys({ pool, provider: noted, keptForMs: 300 });
    const until300Ms = performance.now() + 300;
    let given: readonly Buffer[] = [];
    while (performance.now() < until300Ms) {
      const used = await keys.use(TENANT, [keyId], (copies) => {
        given = copies;
        return copies.some((copy) => copy.some((byte) => byte !== 0));
      });
      assert.deepEqual(used, { result: true });
      assert.ok(given[0]?.every((byte) => byte === 0));
    }
    await until("it is gone", () => keys.size === 0);
    assert.ok(fetched.length > 0 && fetched.every((key) => key.every((byte) => byte === 0)));
  });

  test("halves of characters, which UTF-8 cannot tell apart, are no ids and no contexts", async () => {
    const vault = database.vault();
    await assert.rejects(vault.pseudonym(TENANT, "\ud800"), /lone surrogate/);
    await assert.rejects(vault.seal(TENANT, ["p:1"], "c\ud800", 1), /lone surrogate/);
    const sealed = await vault.seal(TENANT, ["p:1"], "c\ufffd", 1);
    assert.equal(await vault.open(TENANT, "c\ud800", sealed), undefined);
    assert.equal(await vault.open(TENANT, "c\ufffd", sealed), 1);
  });

  test("pseudonyms: the same in all processes, another one for each tenant", async () => {
    const [one, other] = [database.vault(), database.vault()];
    const pseudonym = await one.pseudonym(TENANT, "hubspot:9");
    assert.match(pseudonym, /^[0-9a-f]{32}$/);
    assert.equal(await other.pseudonym(TENANT, "hubspot:9"), pseudonym);
    assert.notEqual(await other.pseudonym(OTHER_TENANT, "hubspot:9"), pseudonym);
    assert.equal(await one.tag(TENANT, "hubspot:9"), `subject-${pseudonym}`);
  });

  test("a tenant's key whose time ends while it is asked for again is loaded again, and no failure", async () => {
    const keptForMs = 50;
    const keys = new TenantKeys(database.pool, database.provider, keptForMs);
    const pseudonym = await keys.pseudonym(TENANT, "hubspot:9");
    // The clock that expiry goes by is read anew after a turn.
    await delay(keptForMs / 2);
    const busyUntilMs = performance.now() + 2 * keptForMs;
    // Timers are late on a busy process: the one that purges comes while the key is loaded.
    while (performance.now() < busyUntilMs);
    assert.equal(await keys.pseudonym(TENANT, "hubspot:9"), pseudonym);
    keys.clear();
  });
});
