// What auditors, supervisors and agents may ask of the trail, and what is on record of it.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { ACTOR, event, pseudonym } from "../support/audit-database.js";
import { type AuditedCrm, startAuditedCrm } from "../support/audited-crm.js";
import { type CrmClient, TENANT_A, TENANT_B } from "../support/crm.js";

const BASE = "/api/overlay";
const ID = "cccccccc-0000-4000-8000-000000000003";
const READS = [
  "timeline?entity_type=t&entity_id=x",
  "integrity",
  "checkpoint",
  "erasures",
  "sync",
  "alerts",
  "fhir",
];

describe("routes of the audit trail", () => {
  let audited: AuditedCrm;
  let auditor: CrmClient;
  let agent: CrmClient;
  let supervisor: CrmClient;
  beforeAll(async () => {
    audited = await startAuditedCrm();
    auditor = await audited.as(["auditor"]);
    agent = await audited.as(["agent"]);
    supervisor = await audited.as(["supervisor"], { role: "admin" });
  });
  afterAll(() => audited.close());

  const get = async (path: string, client = auditor) =>
    (await client.get(`${BASE}/audit/${path}`).expect(200)).body;

  test("are for auditors alone; the CRM's admin is none", async () => {
    const admin = await audited.as([], { role: "admin" });
    for (const path of [...READS, "holds"]) {
      for (const client of [agent, supervisor, admin]) {
        const { body } = await client.get(`${BASE}/audit/${path}`).expect(403);
        assert.equal(body.status, 403);
      }
      await audited.crm.withAuthorization().get(`${BASE}/audit/${path}`).expect(401);
      await auditor.get(`${BASE}/audit/${path}`).expect(200);
    }
  });

  test("unknown and unusable parameters are refused", async () => {
    for (const path of [
      "timeline",
      "timeline?entity_type=t",
      "fhir?limit=501",
      "fhir?from=-1",
      "integrity?x=1",
      "erasures?before=a",
    ])
      await auditor.get(`${BASE}/audit/${path}`).expect(400);
  });

  test("timeline: of an entity, in pages, of the own tenant, and that it was seen is on record", async () => {
    const about = (n: number) =>
      event(n, { entityType: "crm_client", entityId: "hubspot:7", subjectId: "hubspot:7" });
    await audited.trail.record(TENANT_A, ACTOR, [1, 2, 3, 4, 5].map(about));
    await audited.sign();
    const path = "timeline?entity_type=crm_client&entity_id=hubspot%3A7";
    const first = await get(`${path}&limit=3`);
    assert.equal(first.data.length, 3);
    const second = await get(`${path}&limit=3&before=${first.next_before}`);
    assert.equal(second.data.length, 2);
    assert.equal(second.next_before, null);
    const indexes = [...first.data, ...second.data].map(({ index }: { index: number }) => index);
    assert.deepEqual(
      [...indexes],
      indexes.toSorted((one, other) => other - one),
    );
    assert.ok(!JSON.stringify(first).includes("hubspot"));
    const foreign = await audited.as(["auditor"], { tenantId: TENANT_B });
    assert.deepEqual((await get(path, foreign)).data, []);
    const [seen] = await audited.trail.getAuditLogs(TENANT_A, "audit_trail", "hubspot:7");
    assert.equal(seen?.action, "search");
    assert.equal(seen?.actor.id, "auditor@test");
  });

  test("checkpoint and integrity: what is signed, how old it is, and what is not covered", async () => {
    await audited.trail.record(TENANT_A, ACTOR, [event(1)]);
    const before = (await get("checkpoint")).data;
    assert.ok(before.not_covered >= 1);
    await audited.sign();
    const { note, tree_size, age_seconds } = (await get("checkpoint")).data;
    assert.match(note, /crm\.example\/audit/);
    assert.ok(tree_size > before.tree_size);
    assert.ok(age_seconds >= 0 && age_seconds < 60);
    // What is answered may be a minute old, and says so.
    await audited.watch.integrity(TENANT_A, 0);
    const { valid, errors, proven_size } = (await get("integrity")).data;
    assert.deepEqual([valid, errors], [true, []]);
    assert.ok(proven_size > 0);
  });

  test("erasures, without those of retention", async () => {
    await audited.trail.record(TENANT_A, ACTOR, [
      event(1, {
        action: "erase",
        entityType: "subject",
        entityId: "s:9",
        subjectId: "s:9",
        detail: { reason: "asked" },
      }),
      event(2, { action: "erase", entityType: "audit_record", entityId: "0-5" }),
    ]);
    await audited.sign();
    const { data } = await get("erasures");
    assert.deepEqual(
      data.map(({ entityType, subject }: Record<string, string>) => [entityType, subject]),
      [["subject", await pseudonym(TENANT_A, "s:9")]],
    );
  });

  test("synchronisation: nobody's at first, then what its owner says, and an alert where it fails", async () => {
    assert.deepEqual((await get("sync")).data, { is_connected: false });
    let failures = 2;
    audited.watch.registerSync(async () => ({ failures, connections: ["hubspot"] }));
    assert.deepEqual((await get("sync")).data, { is_connected: true, failures: 2, connections: ["hubspot"] });
    const [alert] = (await get("alerts")).data;
    assert.equal(alert.name, "sync-failure");
    failures = 0;
    assert.deepEqual((await get("alerts")).data, []);
  });

  test("FHIR: a bundle, with a link to the next page", async () => {
    await audited.sign();
    const first = await auditor.get(`${BASE}/audit/fhir?limit=2`).expect(200);
    assert.match(String(first.headers["content-type"]), /^application\/fhir\+json/);
    const bundle = JSON.parse(first.text);
    assert.equal(bundle.entry.length, 2);
    assert.equal(bundle.entry[0].resource.source.site, "https://crm.example.com/api");
    const next = /<([^>]+)>; rel="next"/.exec(String(first.headers.link))?.[1];
    assert.ok(next);
    const second = JSON.parse((await auditor.get(next).expect(200)).text);
    assert.notEqual(second.entry[0].fullUrl, bundle.entry[0].fullUrl);
  });

  test("a policy: seen by supervisors and auditors, changed by a supervisor who is an admin, on record", async () => {
    const { data } = await get("policy");
    assert.deepEqual(
      data.map(({ data_class, mode }: Record<string, string>) => [data_class, mode]),
      [
        ["phi", "require"],
        ["personal", "require"],
        ["business", "buffer"],
      ],
    );
    const document = { mode: "off", retention_days: 90, purposes_without_consent: ["TREAT", "TREAT"] };
    const path = `${BASE}/audit/policy/business`;
    await (await audited.as(["supervisor"])).put(path, document).expect(403);
    await (await audited.as(["auditor"], { role: "admin" })).put(path, document).expect(403);
    await supervisor.put(path, { ...document, retention_days: 29 }).expect(400);
    await supervisor.put(`${BASE}/audit/policy/phi`, document).expect(400);
    const changed = await supervisor.put(path, document).expect(200);
    assert.deepEqual(changed.body.data, {
      data_class: "business",
      ...document,
      purposes_without_consent: ["TREAT"],
    });
    assert.equal((await get("policy", supervisor)).data[2].mode, "off");
    const [record] = await audited.trail.getAuditLogs(TENANT_A, "audit_policy", "business");
    assert.deepEqual(record?.detail, { mode: "off", retentionDays: 90, purposesWithoutConsent: "TREAT" });
    await audited.crm.pool.query("DELETE FROM audit_policies");
    audited.trail.recorder.policies.forget(TENANT_A);
  });

  test("legal holds: set and released by auditors, of people by their pseudonym, on record", async () => {
    const path = `${BASE}/audit/holds`;
    await supervisor.post(path, { reason: "x" }).expect(403);
    await auditor.post(path, { reason: "x", entity_id: ID }).expect(400);
    await auditor.post(path, { entity_type: "task" }).expect(400);
    const { body } = await auditor.post(path, { subject_id: "hubspot:7", reason: "a lawsuit" }).expect(201);
    assert.equal(body.data.subject, await pseudonym(TENANT_A, "hubspot:7"));
    await auditor.delete(`${path}/${ID}`).expect(404);
    const released = await auditor.delete(`${path}/${body.data.id}`).expect(200);
    assert.equal(released.body.data.released_by, "auditor@test");
    await auditor.delete(`${path}/${body.data.id}`).expect(404);
    const logs = await audited.trail.getAuditLogs(TENANT_A, "legal_hold", body.data.id);
    assert.deepEqual(
      logs.map(({ action }) => action),
      ["delete", "create"],
    );
  });

  test("consents: given, changed, revoked; each on record with its version, about the subject", async () => {
    const path = `${BASE}/consents`;
    const given = { subject_id: "hubspot:8", purposes: ["HMARKT"] };
    await auditor.post(path, given).expect(403);
    await agent.post(path, { ...given, purposes: [] }).expect(400);
    await agent.post(path, { ...given, purposes: ["SALES"] }).expect(400);
    await agent.post(path, { ...given, valid_until: "2001-01-01T00:00:00Z" }).expect(400);
    const { body } = await agent.post(path, given).expect(201);
    const { id } = body.data;
    const read = event(1, { subjectId: "hubspot:8", purpose: "HMARKT" });
    await audited.trail.disclose(TENANT_A, ACTOR, read);
    await agent.put(`${path}/${id}`, { purposes: ["HMARKT", "HPAYMT"] }).expect(200);
    const revoked = await supervisor.delete(`${path}/${id}`).expect(200);
    assert.equal(revoked.body.data.version, 3);
    await agent.delete(`${path}/${id}`).expect(409);
    await agent.put(`${path}/${ID}`, { purposes: ["HMARKT"] }).expect(404);
    await assert.rejects(audited.trail.disclose(TENANT_A, ACTOR, read), /does not cover the purpose HMARKT/);
    const listed = await auditor.get(`${path}?subject_id=hubspot%3A8`).expect(200);
    assert.deepEqual(
      listed.body.data.map(({ version, subject }: Record<string, unknown>) => [version, subject]),
      [[3, await pseudonym(TENANT_A, "hubspot:8")]],
    );
    assert.equal((await auditor.get(`${path}/${id}`).expect(200)).body.data.length, 3);
    const logs = await audited.trail.getAuditLogs(TENANT_A, "consent", id);
    assert.deepEqual(
      logs.map(({ consent, subject, detail }) => [consent?.version, subject, detail?.revoked]),
      [3, 2, 1].map((version) => [version, listed.body.data[0].subject, version === 3]),
    );
    const foreign = await audited.as(["agent"], { tenantId: TENANT_B });
    await foreign.get(`${path}/${id}`).expect(404);
    await foreign.delete(`${path}/${id}`).expect(404);
  });

  test("lost records are an alert until an auditor has acknowledged them", async () => {
    await audited.crm.pool.query(
      "INSERT INTO audit_buffers (tenant_id, process_id, capacity, lost) VALUES ($1, $2, 10, 4)",
      [TENANT_A, ID],
    );
    const [alert] = (await get("alerts")).data;
    assert.equal(alert.name, "records-lost");
    assert.match(alert.message, /: 4\)$/);
    const path = `${BASE}/audit/losses/acknowledgement`;
    await supervisor.post(path).expect(403);
    assert.deepEqual((await auditor.post(path).expect(200)).body.data, { acknowledged: 1 });
    assert.deepEqual((await get("alerts")).data, []);
    const [record] = await audited.trail.getAuditLogs(TENANT_A, "audit_losses", "all");
    assert.deepEqual(record?.detail, { count: 1 });
  });

  test("corruption is an alert, said once, and gone when it is mended", async () => {
    await audited.sign();
    const { rows } = await audited.crm.pool.query(
      "UPDATE audit_records SET content = replace(content, '\"success\"', '\"failure\"') WHERE leaf_index = 2 AND tenant_id = $1 RETURNING content",
      [TENANT_A],
    );
    assert.equal(rows.length, 1);
    const fresh = await startWatch();
    const [alert] = await fresh.look(TENANT_A);
    assert.equal(alert?.name, "corruption");
    assert.match(String(alert?.message), /index 2/);
    await fresh.look(TENANT_A);
    assert.equal(fresh.lines.length, 1);
    assert.match(String(fresh.lines[0]), /^audit alert corruption of tenant /);
  });

  const startWatch = async () => {
    const { AuditWatch } = await import("../../services/audit/status/audit-watch.js");
    const lines: string[] = [];
    const say = (line: unknown) => void lines.push(String(line));
    const watch = new AuditWatch({
      pool: audited.crm.pool,
      trail: audited.trail,
      logger: { info: say, error: say },
    });
    return Object.assign(watch, { lines });
  };
});
