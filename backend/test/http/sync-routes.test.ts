// /api/sync: who may see what, conflicts and dead letters, and changes of clients.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { TENANT_A, TENANT_B } from "../support/crm.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { AGENT, type SyncCrm, startSyncCrm } from "../support/crms/sync-crm.js";
import { hubspotConnection, startHubspot } from "../support/crms/sync-system.js";

describe("routes of synchronisation", () => {
  let server: HubspotServer;
  let crm: SyncCrm;
  beforeAll(async () => {
    server = await startHubspot();
    crm = await startSyncCrm([hubspotConnection(server, { tenant: TENANT_A })], { maxAttempts: 1 });
  });
  afterAll(async () => {
    await crm.close();
    await server.close();
  });
  const client = async () => {
    const id = server.create({ firstname: "Ada" });
    await crm.sync.read(TENANT_A, "hubspot", id, new AbortController().signal);
    return id;
  };
  const change = (crm_id: string, changes: object) =>
    crm.ask(["agent"], "POST", "/api/sync/changes", { crm_system: "hubspot", crm_id, changes });
  const hurry = () => crm.crm.pool.query("UPDATE sync_outbox SET next_attempt_at = now()");

  test.each([
    ["GET", "/api/sync/status", ["supervisor", "auditor"]],
    ["GET", "/api/sync/failures", ["supervisor", "auditor"]],
    ["POST", "/api/sync/failures/99999999-0000-4000-8000-000000000000/retry", ["supervisor"]],
    ["GET", "/api/sync/conflicts/99999999-0000-4000-8000-000000000000", ["supervisor"]],
    ["GET", "/api/sync/clients?crm_system=hubspot&crm_id=1", ["agent", "supervisor", "auditor"]],
  ] as const)("%s %s is for %s alone", async (method, path, allowed) => {
    for (const role of ["agent", "supervisor", "auditor"] as const) {
      const { status } = await crm.ask([role], method, path);
      assert.equal(status !== 403, (allowed as readonly string[]).includes(role), `${role}: ${status}`);
    }
    assert.equal((await crm.ask([], method, path)).status, 403);
    assert.equal((await fetch(crm.url + path, { method })).status, 401);
  });

  test("a change goes there; its status is seen meanwhile", async () => {
    const id = await client();
    const { status, body } = await change(id, { firstname: "Grace" });
    assert.deepEqual([status, body.sync_status], [202, "syncing"]);
    const path = `/api/sync/clients?crm_system=hubspot&crm_id=${id}`;
    assert.equal((await crm.ask(["agent"], "GET", path)).body.sync_status, "syncing");
    await crm.work();
    assert.equal(server.contacts.get(id)?.properties.firstname, "Grace");
    const { body: after } = await crm.ask(["auditor"], "GET", path);
    assert.equal(after.sync_status, "fresh");
    assert.deepEqual(Object.keys(after).toSorted(), [
      "crm_id",
      "crm_system",
      "modified_at",
      "reason",
      "sync_status",
      "version",
    ]);
  });

  test("fields that are not synchronised, other CRMs and bodies of another form are refused", async () => {
    const id = await client();
    assert.equal((await change(id, { password: "x" })).status, 400);
    assert.equal((await change(id, {})).status, 400);
    const body = { crm_system: "salesforce", crm_id: "1", changes: { Email: "x" } };
    assert.equal((await crm.ask(["agent"], "POST", "/api/sync/changes", body)).status, 404);
    assert.equal((await crm.ask(["agent"], "POST", "/api/sync/changes", { ...body, more: 1 })).status, 400);
    assert.equal((await crm.ask(["auditor"], "POST", "/api/sync/changes", body)).status, 403);
  });

  test("a conflict is listed, shown with both versions and settled; each look is on record", async () => {
    const id = await client();
    await change(id, { firstname: "Ours" });
    server.change(id, { firstname: "Theirs" });
    await crm.work();
    const { body } = await crm.ask(["auditor"], "GET", "/api/sync/failures");
    assert.doesNotMatch(JSON.stringify(body), /Ours|Theirs/);
    const failure = body.failures.find(({ status }: { status: string }) => status === "conflict");
    assert.deepEqual([failure.kind, failure.problem], ["change", "changed here and there"]);
    const shown = await crm.ask(["supervisor"], "GET", `/api/sync/conflicts/${failure.id}`);
    assert.deepEqual(
      [shown.body.crm_id, shown.body.ours, shown.body.base, shown.body.theirs.firstname],
      [id, { firstname: "Ours" }, { firstname: "Ada" }, "Theirs"],
    );
    assert.equal(shown.headers.get("cache-control"), "no-store");
    const path = `/api/sync/conflicts/${failure.id}/resolve`;
    assert.equal((await crm.ask(["supervisor"], "POST", path, { take: "both" })).status, 400);
    assert.equal((await crm.ask(["agent"], "POST", path, { take: "ours" })).status, 403);
    assert.equal((await crm.ask(["supervisor"], "POST", path, { take: "ours" })).status, 204);
    assert.equal((await crm.ask(["supervisor"], "POST", path, { take: "ours" })).status, 404);
    await crm.work();
    assert.equal(server.contacts.get(id)?.properties.firstname, "Ours");
    const logs = await crm.trail.getAuditLogs(TENANT_A, "crm_client", `hubspot:${id}`);
    const steps = logs
      .filter(({ actor }) => actor.id === AGENT)
      .map(({ action, detail }) => `${action} ${detail?.step}`);
    for (const step of ["sync queued", "read conflict shown", "sync conflict resolved", "sync written"])
      assert.ok(steps.includes(step), `${step} in ${steps.join(", ")}`);
  });

  test("a dead letter is seen, tried again, and gone", async () => {
    const id = await client();
    server.failNext("500", /^PATCH/);
    await change(id, { firstname: "Grace" });
    await crm.work();
    const { body } = await crm.ask(["supervisor"], "GET", "/api/sync/failures?limit=10");
    const dead = body.failures.find(({ status }: { status: string }) => status === "dead");
    assert.match(dead.problem, /502/);
    const { body: status } = await crm.ask(["auditor"], "GET", "/api/sync/status");
    assert.equal(status.connections.length, 1);
    assert.deepEqual(
      [
        status.connections[0].crm_system,
        status.connections[0].dead_letters,
        status.connections[0].clients.failed,
      ],
      ["hubspot", 1, 1],
    );
    assert.equal((await crm.ask(["auditor"], "POST", `/api/sync/failures/${dead.id}/retry`)).status, 403);
    assert.equal((await crm.ask(["supervisor"], "POST", `/api/sync/failures/${dead.id}/retry`)).status, 204);
    assert.equal((await crm.ask(["supervisor"], "POST", `/api/sync/failures/${dead.id}/retry`)).status, 404);
    await hurry();
    await crm.work();
    assert.equal(server.contacts.get(id)?.properties.firstname, "Grace");
  });

  test("another tenant sees nothing of it", async () => {
    const other = { tenantId: TENANT_B };
    assert.deepEqual((await crm.ask(["supervisor"], "GET", "/api/sync/status", undefined, other)).body, {
      connections: [],
    });
    assert.deepEqual((await crm.ask(["supervisor"], "GET", "/api/sync/failures", undefined, other)).body, {
      failures: [],
    });
    const id = await client();
    await change(id, { firstname: "Ours" });
    server.change(id, { firstname: "Theirs" });
    await crm.work();
    const { body } = await crm.ask(["supervisor"], "GET", "/api/sync/failures");
    const [{ id: conflictId }] = body.failures;
    const path = `/api/sync/conflicts/${conflictId}`;
    assert.equal((await crm.ask(["supervisor"], "GET", path, undefined, other)).status, 404);
    assert.equal(
      (await crm.ask(["supervisor"], "POST", `${path}/resolve`, { take: "ours" }, other)).status,
      404,
    );
  });
});
