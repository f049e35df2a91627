// Who sees what in the overlay: roles, whose work it is, purpose of use and consent; and that each refusal is on record.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { withTenant } from "../../db/tenant-transaction.js";
import { addConsent } from "../../services/audit/consent/consent-store.js";
import { TENANT_A, TENANT_B } from "../support/crm.js";
import { type OverlayClient, type OverlayCrm, startOverlayCrm } from "../support/overlay-crm.js";
import { ADA, BOB, CHIEF, communication } from "../support/overlay-database.js";

const AUDITOR = "11111111-0000-4000-8000-0000000000aa";

describe("access to the overlay", () => {
  let crm: OverlayCrm;
  let ada: OverlayClient;
  let bob: OverlayClient;
  let chief: OverlayClient;
  let auditor: OverlayClient;
  beforeAll(async () => {
    crm = await startOverlayCrm();
    ada = await crm.as(["agent"], ADA);
    bob = await crm.as(["agent"], BOB);
    chief = await crm.as(["supervisor"], CHIEF);
    auditor = await crm.as(["auditor"], AUDITOR);
  });
  afterAll(() => crm.close());

  const logs = (entityType: string, entityId: string) =>
    crm.trail.getAuditLogs(TENANT_A, entityType, entityId);

  const PATHS = [
    ["get", "/clients/hubspot/1"],
    ["put", "/clients/hubspot/1"],
    ["post", "/clients/batch"],
    ["put", "/clients/hubspot/1/sync-status"],
    ["get", "/communications?client_id=x"],
    ["post", "/communications"],
    ["post", "/communications/batch"],
    ["get", "/communications/x"],
    ["put", "/communications/x"],
    ["delete", "/communications/x"],
    ["get", "/tasks"],
    ["post", "/tasks"],
    ["get", "/tasks/x"],
    ["delete", "/tasks/x"],
    ["get", "/ai/queue"],
    ["post", "/ai/queue"],
    ["post", "/ai/queue/claim"],
    ["post", "/ai/actions/x/complete"],
    ["post", "/ai/actions/x/fail"],
    ["post", "/ai/actions/x/retry"],
    ["get", "/ai/contexts/x"],
    ["put", "/ai/contexts/x"],
    ["get", "/sessions/x"],
    ["put", "/sessions/x"],
    ["get", "/templates"],
    ["post", "/templates"],
    ["get", "/templates/x"],
    ["get", "/documents?client_id=x"],
    ["post", "/documents"],
    ["get", "/documents/x"],
    ["get", "/documents/x/content"],
    ["delete", "/documents/x"],
    ["post", "/cleanup"],
  ] as const;

  test("who has no overlay role, and an auditor, sees no client's data by any route", async () => {
    const nobody = await crm.as([], ADA);
    for (const client of [nobody, auditor])
      for (const [method, path] of PATHS)
        assert.equal((await client[method](path, {})).status, 403, `${method} ${path}`);
    for (const path of ["/stats", "/clients/hubspot/1/sync-status"])
      assert.equal((await nobody.get(path)).status, 403);
    await auditor.get("/stats").expect(200);
    await ada.put("/clients/hubspot/201", { data: {} }).expect(200);
    await auditor.get("/clients/hubspot/201/sync-status").expect(200);
  });

  test("an agent sees the own work, a supervisor all; what is refused is on record", async () => {
    await ada.put("/clients/hubspot/202", { data: { name: "Grace" } }).expect(200);
    await ada.post("/communications", communication({ id: "own", client_id: "hubspot:202" })).expect(201);
    await bob.get("/clients/hubspot/202").expect(403);
    await bob.get("/communications/own").expect(403);
    await bob.delete("/communications/own").expect(403);
    await bob.put("/communications/own", communication({ client_id: "hubspot:202" })).expect(403);
    await bob.post("/communications", communication({ client_id: "hubspot:202" })).expect(403);
    await bob.put("/clients/hubspot/202", { data: {} }).expect(403);
    await bob.get("/clients/hubspot/202/sync-status").expect(403);
    await bob.put("/clients/hubspot/202/sync-status", { sync_status: "stale" }).expect(403);
    const [deleted, refused] = (await logs("communication", "own"))
      .filter(({ outcome }) => outcome === "refused")
      .slice(1);
    assert.deepEqual([deleted?.action, refused?.action], ["delete", "read"]);
    assert.equal(refused?.actor.id, BOB);
    await chief.get("/communications/own").expect(200);
    await chief.get("/clients/hubspot/202").expect(200);
    // Work for a client of another agent's is seen by both: who wrote it, and whose client it is.
    const given = communication({ id: "theirs", client_id: "hubspot:202" });
    await chief.post(`/communications?agent_id=${BOB}`, given).expect(201);
    await bob.get("/communications/theirs").expect(200);
    await ada.get("/communications/theirs").expect(200);
    const seen = await bob.get("/communications?client_id=hubspot%3A202").expect(200);
    assert.deepEqual(
      seen.body.data.map(({ id }: { id: string }) => id),
      ["theirs"],
    );
  });

  test("an agent acts for nobody else; a supervisor hands a client over", async () => {
    for (const request of [
      ada.put(`/clients/hubspot/203?agent_id=${BOB}`, { data: {} }),
      ada.post(`/communications?agent_id=${BOB}`, communication()),
      ada.post(`/ai/queue?agent_id=${BOB}`, { type: "x" }),
      ada.get(`/ai/queue?agent_id=${BOB}`),
      ada.post(`/ai/queue/claim?agent_id=${BOB}`, {}),
      ada.put(`/sessions/s?agent_id=${BOB}`, {}),
    ])
      assert.equal((await request).status, 403);
    await ada.put("/clients/hubspot/203", { data: {} }).expect(200);
    await chief.put(`/clients/hubspot/203?agent_id=${BOB}`, { data: {} }).expect(200);
    await ada.get("/clients/hubspot/203").expect(403);
    await bob.get("/clients/hubspot/203").expect(200);
  });

  test("another tenant's token finds nothing of it", async () => {
    await ada.post("/communications", communication({ id: "tenants" })).expect(201);
    const stranger = await crm.as(["supervisor"], CHIEF, { tenantId: TENANT_B });
    await stranger.get("/communications/tenants").expect(404);
    await stranger.get("/clients/hubspot/202").expect(404);
    const { body } = await stranger.get("/communications?client_id=hubspot%3A202").expect(200);
    assert.deepEqual(body.data, []);
  });

  test("the purpose of use is validated, and goes into the record", async () => {
    await ada.post("/communications", communication({ id: "purpose" })).expect(201);
    await (await crm.as(["agent"], ADA, { purpose: "FUN" })).get("/communications/purpose").expect(400);
    await ada.get("/communications/purpose?purpose=CAREMGT").expect(400);
    await ada.get("/communications/purpose?purpose=TREAT").expect(200);
    const silent = await crm.as(["agent"], ADA, { purpose: "" });
    await silent.get("/communications/purpose?purpose=HOPERAT").expect(200);
    assert.equal((await logs("communication", "purpose"))[0]?.purpose, "HOPERAT");
    await silent.get("/communications/purpose").expect(403);
    assert.equal((await logs("communication", "purpose"))[0]?.outcome, "refused");
  });

  test("marketing needs the consent of all whom a record shows; what covers it is in the record", async () => {
    const [client_id, other] = ["hubspot:204", "hubspot:205"];
    await ada.put("/clients/hubspot/204", { data: {} }).expect(200);
    await ada.post("/communications", communication({ id: "alone", client_id })).expect(201);
    await ada
      .post("/communications", communication({ id: "both", client_id, participants: [other] }))
      .expect(201);
    const marketing = await crm.as(["agent"], ADA, { purpose: "HMARKT" });
    await marketing.get("/communications/alone").expect(403);
    await marketing.get("/clients/hubspot/204").expect(403);
    await marketing.get("/communications?client_id=hubspot%3A204").expect(403);
    const subject = await crm.vault.pseudonym(TENANT_A, client_id);
    const consent = await withTenant(crm.crm.pool, TENANT_A, (client) =>
      addConsent(client, TENANT_A, subject, { purposes: ["HMARKT"] }, CHIEF),
    );
    await marketing.get("/communications/alone").expect(200);
    await marketing.get("/clients/hubspot/204").expect(200);
    assert.deepEqual((await logs("communication", "alone"))[0]?.consent, { id: consent.id, version: 1 });
    await marketing.get("/communications/both").expect(403);
    const { body } = await marketing.get("/communications?client_id=hubspot%3A204").expect(200);
    assert.deepEqual(
      body.data.map(({ id }: { id: string }) => id),
      ["alone"],
    );
    const [last] = await logs("communication", "both");
    assert.deepEqual([last?.outcome, last?.purpose], ["refused", "HMARKT"]);
  });
});
