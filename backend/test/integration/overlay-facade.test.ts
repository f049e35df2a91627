// The facade: the calls as they were in the system before it, and each service by itself.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { CacheService } from "../../services/overlay/cache-service.js";
import {
  ADA,
  BOB,
  CHIEF,
  communication,
  type OverlayDatabase,
  startOverlay,
  TENANT,
} from "../support/overlay-database.js";

const refused = (error: unknown) => error instanceof HttpProblem && error.status === 403;

describe("CacheService", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  test("a day's calls, by one agent", async () => {
    const service = db.overlay.for({
      tenantId: TENANT,
      actor: { id: ADA, role: "agent", requestId: "r1" },
      purpose: "CAREMGT",
    });
    assert.ok(service instanceof CacheService);
    await service.setCrmClient("salesforce", "003A", { name: "Ada" }, ADA);
    assert.equal((await service.getCrmClient("salesforce", "003A", ADA))?.sync_status, "fresh");
    const client_id = "salesforce:003A";
    const { id } = await service.setCommunication(communication({ client_id }), ADA);
    assert.equal((await service.getCommunication(id, ADA))?.client_id, client_id);
    await service.setTask({ id: "t1", client_id, title: "Call back", status: "open" }, ADA);
    assert.equal((await service.getTasksByStatus("open")).items[0]?.id, "t1");
    const action = await service.addAIAction(ADA, { type: "summarize", client_id }, { id: "assistant" });
    assert.deepEqual(
      (await service.getAIQueue(ADA)).map((each) => [each.id, each.requested_by]),
      [[action.id, "assistant"]],
    );
    const [log] = await db.supervisor().getAuditLogs("communication", id);
    assert.deepEqual([log?.purpose, log?.request], ["CAREMGT", "r1"]);
    await assert.rejects(service.getAuditLogs("communication", id), refused);
    await assert.rejects(service.verifyAuditIntegrity(), refused);
    await assert.rejects(service.getCommunication(id, BOB), refused);
    await assert.rejects(service.getCacheStats(), refused);
    await assert.rejects(service.cleanup(), refused);
  });

  test("an auditor sees the trail, its integrity and the figures, and no client's data", async () => {
    const auditor = db.overlay.for({
      tenantId: TENANT,
      actor: { id: BOB, role: "auditor" },
      purpose: "TREAT",
    });
    assert.equal((await auditor.verifyAuditIntegrity()).valid, true);
    assert.ok((await auditor.getAuditLogs("crm_client", "salesforce:003A")).length > 0);
    assert.equal((await auditor.getCacheStats()).rows.tasks.rows, 1);
    for (const call of [
      () => auditor.getCrmClient("salesforce", "003A", BOB),
      () => auditor.setTask({ client_id: "x", title: "x" }, BOB),
      () => auditor.getTask("t1", BOB),
      () => auditor.getClientTasks("salesforce:003A"),
      () => auditor.getTasksByStatus("open"),
      () => auditor.getAIQueue(BOB),
      () => auditor.getTemplates(),
    ])
      await assert.rejects(call, refused);
  });

  test("each service is usable alone, for any caller", async () => {
    const caller = { tenantId: TENANT, actor: { id: CHIEF, role: "supervisor" }, purpose: "TREAT" } as const;
    const { overlay } = db;
    const task = await overlay.tasks.set(caller, { client_id: "alone:1", title: "x" }, ADA);
    assert.equal((await overlay.tasks.get(caller, task.id))?.agent_id, ADA);
    await overlay.clients.set(caller, "alone", "1", { a: 1 }, ADA);
    assert.deepEqual((await overlay.clients.get(caller, "alone", "1", ADA))?.data, { a: 1 });
    assert.deepEqual(await overlay.ai.queue(caller, "nobody"), []);
    assert.deepEqual(await overlay.documents.templates(caller), []);
    assert.equal((await overlay.audit.verifyAuditIntegrity(caller)).valid, true);
  });
});
