// Erasure, its report and export over HTTP: who may, what is on record, and what no log shows.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTenantCache, type TenantCache } from "express-tenant-cache";
import { pino } from "pino";
import supertest from "supertest";
import type { OverlayRole } from "../../http/identity/auth.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { openSubjects, type Subjects } from "../../services/subjects/open-subjects.js";
import { issueToken } from "../../services/tokens.js";
import { quiet } from "../support/caches.js";
import { type Crm, SECRET, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";
import { PATIENT_TRAIL } from "../support/patient.js";

const ERASURE = "/api/overlay/subjects/hubspot%3A7/erasure";
const EXPORT = "/api/overlay/subjects/hubspot%3A7/export";
const NOTE = "calls about her knee";

describe("subjects over HTTP", () => {
  let crm: Crm;
  let subjects: Subjects<AuditTrail>;
  let agent: ReturnType<typeof supertest>;
  let cache: TenantCache;
  let log = "";
  let notes: Buffer[] = [];
  let isHolderAway = false;
  const folder = mkdtempSync(path.join(tmpdir(), "subject-secrets-"));

  beforeAll(async () => {
    crm = await startCrm();
    const stream = new Writable({
      write(chunk, _encoding, done) {
        log += String(chunk);
        done();
      },
    });
    const logger = pino({ level: "debug" }, stream);
    const { pool } = crm;
    cache = createTenantCache({ tenant: (req) => req.auth?.tenantId, logger: quiet });
    const keys = { keys: [{ id: "a", secret: randomBytes(32) }], folder };
    subjects = openSubjects({
      keys,
      pool,
      cache,
      logger,
      audit: (pseudonym) => new AuditTrail({ ...PATIENT_TRAIL, pool, pseudonym }),
    });
    const { vault } = subjects;
    notes = [await vault.seal(TENANT_A, ["hubspot:7"], "note", NOTE)];
    vault.onErase({
      name: "notes",
      holds: async () =>
        notes.length === 0
          ? []
          : [{ what: "notes", where: "memory", count: notes.length, until: "2027-01-01T00:00:00.000Z" }],
      erase: async () => {
        if (isHolderAway) throw new Error("the holder is away");
        notes = [];
      },
      export: async (tenantId) => Promise.all(notes.map((note) => vault.open(tenantId, "note", note))),
    });
    agent = supertest(crm.twin({ subjects, logger, cache }));
  });
  afterAll(async () => {
    await subjects.stop();
    await cache.close();
    await crm.close();
    rmSync(folder, { recursive: true });
  });

  async function as(role: OverlayRole | undefined, tenantId = TENANT_A) {
    const token = await issueToken({
      secret: SECRET,
      subject: `${role}@test`,
      role: "admin",
      tenantId,
      ...(role && { overlayRoles: [role] }),
    });
    const authorization = `Bearer ${token}`;
    return {
      get: (url: string) => agent.get(url).set("Authorization", authorization),
      post: (url: string, body: object) => agent.post(url).set("Authorization", authorization).send(body),
    };
  }
  const records = (action: string) =>
    subjects.audit
      .getAuditLogs(TENANT_A, action === "read" ? "erasure" : "subject", "hubspot:7")
      .then((all) => all.filter((one) => one.action === action));

  test("roles: a supervisor erases and exports, an auditor reads the report, others nothing", async () => {
    for (const role of [undefined, "agent", "auditor"] as const) {
      await (await as(role)).post(ERASURE, { reason: "x" }).expect(403);
      await (await as(role)).get(`${EXPORT}?reason=x`).expect(403);
    }
    for (const role of [undefined, "agent"] as const) await (await as(role)).get(ERASURE).expect(403);
    await (await as("auditor")).get(ERASURE).expect(404);
    await agent.get(ERASURE).expect(401);
    assert.equal(notes.length, 1);
  });

  test("both need a reason of bounded length, and name what else they do not know", async () => {
    const supervisor = await as("supervisor");
    for (const body of [{}, { reason: " " }, { reason: "x".repeat(501) }, { reason: "x", more: 1 }])
      await supervisor.post(ERASURE, body).expect(400);
    await supervisor.get(EXPORT).expect(400);
    await supervisor.get(`/api/overlay/subjects/${"x".repeat(257)}/export?reason=x`).expect(404);
    assert.equal(notes.length, 1);
  });

  test("an export has what the holders have, once it is on record", async () => {
    const response = await (await as("supervisor")).get(`${EXPORT}?reason=access%20request`).expect(200);
    assert.equal(response.headers["cache-control"], "no-store");
    assert.match(response.headers["content-disposition"] ?? "", /^attachment/);
    const { data } = response.body;
    assert.equal(data.subjectId, "hubspot:7");
    assert.deepEqual(data.data, { notes: [NOTE] });
    assert.equal(data.held[0].count, 1);
    const [record, ...others] = await records("export");
    assert.deepEqual(others, []);
    assert.deepEqual(
      [record?.purpose, record?.actor.role, record?.detail],
      ["PATRQT", "supervisor", { reason: "access request" }],
    );
    // Of another tenant, it is another subject.
    const other = await (await as("supervisor", TENANT_B)).get(`${EXPORT}?reason=x`).expect(200);
    assert.deepEqual(other.body.data.data, { notes: [null] });
  });

  test("what a holder cannot drop yet is said, nothing is disclosed meanwhile, and the rest is done later", async () => {
    isHolderAway = true;
    const supervisor = await as("supervisor");
    const response = await supervisor.post(ERASURE, { reason: "objection" }).expect(503);
    assert.match(response.body.detail, /The rest goes on/);
    assert.equal(await subjects.vault.open(TENANT_A, "note", notes[0] ?? Buffer.alloc(0)), undefined);
    const { body } = await (await as("auditor")).get(ERASURE).expect(200);
    assert.equal(body.data.state, "unfinished");
    await supervisor.get(`${EXPORT}?reason=x`).expect(410);
    isHolderAway = false;
  });

  test("an erasure is answered with its report, which stays", async () => {
    const supervisor = await as("supervisor");
    const { body } = await supervisor.post(ERASURE, { reason: "asked once more" }).expect(200);
    assert.equal(body.data.state, "erased");
    // Of the one that asked first.
    assert.equal(body.data.reason, "objection");
    assert.deepEqual(notes, []);
    const held = body.data.held.map(({ what, count }: { what: string; count: number }) => [what, count]);
    assert.deepEqual(held, [
      ["data key", 1],
      ["notes", 1],
    ]);
    const report = await (await as("auditor")).get(ERASURE).expect(200);
    assert.deepEqual(report.body, body);
    assert.deepEqual((await supervisor.post(ERASURE, { reason: "again" }).expect(200)).body, body);
    assert.equal((await records("erase")).length, 1);
    assert.ok((await records("read")).length >= 2);
  });

  test("no log shows whom it was about", () => {
    assert.match(log, /"url":"\/api\/overlay\/subjects\/…"/);
    assert.doesNotMatch(log, /hubspot|knee|objection|access(%20| )request/);
  });
});
