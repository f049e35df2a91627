// Consent: what it covers, that a refusal is on record before its answer, and that a revocation holds at once.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import { closeAfterTest } from "../../servers/in-test.js";
import type { AuditEvent } from "../../services/audit/audit-event.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { ConsentRefused } from "../../services/audit/consent/consent-refused.js";
import {
  addConsent,
  changeConsent,
  consentsOf,
  versionsOf,
} from "../../services/audit/consent/consent-store.js";
import {
  ACTOR,
  type AuditDatabase,
  event,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { PATIENT_TRAIL, patientPool } from "../support/patient.js";

const MARKETING = ["HMARKT"] as const;

describe("consent", () => {
  let database: AuditDatabase;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());

  const inTenant = <T>(work: (client: PoolClient) => Promise<T>) =>
    withTenant(database.pool, TENANT, work, { anyTenant: true });
  const agree = async (subjectId: string, terms: Partial<Parameters<typeof addConsent>[3]> = {}) =>
    await inTenant(async (client) =>
      addConsent(
        client,
        TENANT,
        await pseudonym(TENANT, subjectId),
        { purposes: MARKETING, ...terms },
        ACTOR.id,
      ),
    );
  const revoke = (id: string) => inTenant((client) => changeConsent(client, TENANT, id, "revoke", ACTOR.id));
  const read = (subjectId: string, purpose?: "HMARKT" | "TREAT"): AuditEvent => {
    const { purpose: _treatment, ...rest } = event(1, {
      subjectId,
      entityId: subjectId,
      entityType: "crm_client",
    });
    return { ...rest, ...(purpose && { purpose }) };
  };
  const logs = (subjectId: string) => database.trail.getAuditLogs(TENANT, "crm_client", subjectId);

  test("a purpose that the law allows needs none; any other is refused, and the refusal is on record", async () => {
    const { trail } = database;
    assert.equal(await trail.requireConsent(TENANT, ACTOR, read("s:none", "TREAT")), undefined);
    assert.deepEqual(await logs("s:none"), []);
    await assert.rejects(trail.requireConsent(TENANT, ACTOR, read("s:none", "HMARKT")), (error) => {
      assert.ok(error instanceof ConsentRefused);
      assert.equal(error.status, 403);
      return true;
    });
    const [refusal, ...others] = await logs("s:none");
    assert.deepEqual(others, []);
    assert.equal(refusal?.outcome, "refused");
    assert.equal(refusal?.purpose, "HMARKT");
    assert.equal(refusal?.subject, await pseudonym(TENANT, "s:none"));
  });

  test("without a purpose no consent covers it", async () => {
    await agree("s:mute");
    await assert.rejects(database.trail.requireConsent(TENANT, ACTOR, read("s:mute")), ConsentRefused);
    await assert.rejects(database.trail.disclose(TENANT, ACTOR, read("s:mute")), ConsentRefused);
    assert.deepEqual(
      (await logs("s:mute")).map(({ outcome }) => outcome),
      ["refused", "refused"],
    );
  });

  test("a disclosure names the consent and its version, and ends with the revocation", async () => {
    const { trail } = database;
    const { id } = await agree("s:marketing");
    assert.deepEqual(await trail.requireConsent(TENANT, ACTOR, read("s:marketing", "HMARKT")), {
      id,
      version: 1,
    });
    await trail.disclose(TENANT, ACTOR, read("s:marketing", "HMARKT"));
    await revoke(id);
    await assert.rejects(trail.disclose(TENANT, ACTOR, read("s:marketing", "HMARKT")), ConsentRefused);
    const [refused, disclosed] = await logs("s:marketing");
    assert.equal(refused?.outcome, "refused");
    assert.equal(refused?.consent, undefined);
    assert.equal(disclosed?.outcome, "success");
    assert.deepEqual(disclosed?.consent, { id, version: 1 });
  });

  test("outside of its time it covers nothing", async () => {
    const { trail } = database;
    const hour = 3_600_000;
    await agree("s:over", {
      valid_from: new Date(Date.now() - 2 * hour),
      valid_until: new Date(Date.now() - hour),
    });
    await agree("s:early", { valid_from: new Date(Date.now() + hour) });
    for (const subject of ["s:over", "s:early"])
      await assert.rejects(trail.disclose(TENANT, ACTOR, read(subject, "HMARKT")), ConsentRefused);
  });

  test("each change is a version; what is revoked stays so, and nothing is overwritten", async () => {
    const { id } = await agree("s:versions");
    const changed = await inTenant((client) =>
      changeConsent(client, TENANT, id, { purposes: ["HPAYMT"] }, ACTOR.id),
    );
    assert.equal(changed.version, 2);
    await assert.rejects(
      database.trail.disclose(TENANT, ACTOR, read("s:versions", "HMARKT")),
      ConsentRefused,
      "the newest version counts",
    );
    await revoke(id);
    await assert.rejects(revoke(id), /revoked/);
    await assert.rejects(
      inTenant((client) => changeConsent(client, TENANT, id, { purposes: MARKETING }, ACTOR.id)),
      /revoked/,
    );
    const versions = await inTenant((client) => versionsOf(client, TENANT, id));
    assert.deepEqual(
      versions.map(({ version, purposes }) => [version, [...purposes]]),
      [
        [3, ["HPAYMT"]],
        [2, ["HPAYMT"]],
        [1, ["HMARKT"]],
      ],
    );
    const subject = await pseudonym(TENANT, "s:versions");
    assert.deepEqual(
      (await inTenant((client) => consentsOf(client, TENANT, subject))).map(({ version }) => version),
      [3],
    );
    for (const sql of ["UPDATE subject_consents SET purposes = '{}'", "DELETE FROM subject_consents"])
      await assert.rejects(
        inTenant((client) => client.query(sql)),
        /permission denied/,
      );
  });

  test("one of several consents is enough", async () => {
    const { id } = await agree("s:two");
    const second = await agree("s:two");
    await revoke(id);
    await database.trail.disclose(TENANT, ACTOR, read("s:two", "HMARKT"));
    assert.equal((await logs("s:two"))[0]?.consent?.id, second.id);
  });

  test("a consent that a record names is asked once more when it is committed", async () => {
    const { trail } = database;
    const { id } = await agree("s:between");
    const asked = read("s:between", "HMARKT");
    const consent = await trail.requireConsent(TENANT, ACTOR, asked);
    assert.deepEqual(consent, { id, version: 1 });
    await trail.record(TENANT, ACTOR, [event(1), { ...asked, ...(consent && { consent }) }]);
    await revoke(id);
    await assert.rejects(
      trail.record(TENANT, ACTOR, [event(1), { ...asked, ...(consent && { consent }) }]),
      ConsentRefused,
    );
    assert.deepEqual(
      (await logs("s:between")).map(({ outcome }) => outcome),
      ["refused", "success"],
    );
  });

  test("in the trail's order nothing is disclosed behind a revocation, whichever process read it", async () => {
    const pool = patientPool(database.url);
    const other = new AuditTrail({ ...PATIENT_TRAIL, pool, pseudonym });
    closeAfterTest({ close: () => pool.end() }, other);
    for (let round = 0; round < 5; round++) {
      const subjectId = `s:race-${round}`;
      const { id } = await agree(subjectId);
      let isRevoked = false;
      const readOn = async (trail: AuditTrail) => {
        for (let n = 0; n < 200; n++) {
          const began = isRevoked;
          const disclosed = await trail.disclose(TENANT, ACTOR, read(subjectId, "HMARKT")).then(
            () => true,
            (error: unknown) => {
              assert.ok(error instanceof ConsentRefused);
              return false;
            },
          );
          assert.ok(!(began && disclosed), "disclosed by a read that began after the revocation");
          if (!disclosed) return;
        }
      };
      const readers = [database.trail, other, database.trail, other].map(readOn);
      // The record of the revocation is part of its transaction.
      await inTenant(async (client) => {
        await changeConsent(client, TENANT, id, "revoke", ACTOR.id);
        await database.trail.append(client, TENANT, ACTOR, [
          { ...read(subjectId), action: "consent", detail: { revoked: true } },
        ]);
      });
      isRevoked = true;
      await Promise.all(readers);
      const order = (await database.trail.getAuditLogs(TENANT, "crm_client", subjectId, { limit: 500 }))
        .toReversed()
        .map(({ action, outcome }) => (action === "consent" ? "revoked" : outcome));
      assert.ok(order.includes("revoked"));
      assert.deepEqual(
        order.slice(order.indexOf("revoked") + 1).filter((each) => each === "success"),
        [],
      );
    }
  });
});
