// A person is erased: rows, caches, lists and queue of the overlay, in every process, also what was copied before.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import {
  ADA,
  communication,
  type OverlayDatabase,
  startOverlay,
  TENANT,
} from "../support/overlay-database.js";

const gone = (error: unknown) => error instanceof HttpProblem && error.status === 410;

describe("erasure in the overlay", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  test("exported before, gone afterwards, from all services and processes; others' data stays", async () => {
    const other = await db.process();
    const [ada, theirs] = [db.as(ADA), other.as(ADA)];
    const [client_id, friend] = ["hubspot:1", "hubspot:2"];
    await ada.setCrmClient("hubspot", "1", { name: "Ada Lovelace" }, ADA);
    await ada.setCrmClient("hubspot", "2", { name: "Grace" }, ADA);
    await ada.setCommunication(communication({ id: "own", client_id }), ADA);
    await ada.setCommunication(
      communication({ id: "shown", client_id: friend, participants: [client_id] }),
      ADA,
    );
    await ada.setCommunication(communication({ id: "friends", client_id: friend }), ADA);
    await ada.setTask({ id: "task", client_id, title: "Call" }, ADA);
    await ada.addAIAction(ADA, { type: "summarize", client_id });
    await db.supervisor().addTemplate({ name: "letter", format: "text", body: "Dear {{name}}" });
    const document = await ada.generateDocument(
      { template: "letter", client_id, data: { name: "Ada" } },
      ADA,
    );
    const read = async (as: typeof ada) => [
      await as.getCommunication("own", ADA),
      await as.getCommunication("shown", ADA),
      await as.getTask("task", ADA),
      await as.getDocument(document.id),
      ...(await as.getClientCommunications(client_id)).items,
      ...(await as.getClientTasks(client_id)).items,
      ...(await as.getAIQueue(ADA)),
    ];
    for (const as of [ada, theirs]) assert.equal((await read(as)).filter(Boolean).length, 7);
    // A copy of the bytes, as a backup has it.
    const copied = await db.redis.getBuffer(`${db.keyPrefix}tenant:${TENANT}:communication:own`);
    const { rows } = await db.pool.query("SELECT * FROM overlay_communications WHERE id = 'own'");

    const exported = await db.vault.export(TENANT, client_id);
    assert.deepEqual(
      Object.entries(exported.data)
        .map(([name, data]) => [name, data.length])
        .sort(),
      [
        ["ai queue", 1],
        ["communications", 2],
        ["crm clients", 1],
        ["documents", 1],
        ["tasks", 1],
      ],
    );
    const report = await db.vault.erase(TENANT, client_id, "asked for it");
    const held = new Map(report.held?.map(({ where, count }) => [where, count]));
    assert.deepEqual(
      ["communications", "tasks", "documents", "ai_actions", "clients"].map((table) =>
        held.get(`PostgreSQL, overlay_${table}`),
      ),
      [2, 1, 1, 1, 1],
    );
    for (const as of [ada, theirs]) {
      assert.equal((await read(as)).filter(Boolean).length, 0);
      await assert.rejects(as.getCrmClient("hubspot", "1", ADA), gone);
      const [asked] = await db.trail.getAuditLogs(TENANT, "crm_client", "hubspot:1");
      assert.deepEqual([asked?.action, asked?.outcome], ["read", "failure"]);
      assert.ok(await as.getCommunication("friends", ADA));
      assert.equal((await as.getClientCommunications(friend)).items.length, 1);
      assert.deepEqual((await as.getCrmClient("hubspot", "2", ADA))?.data, { name: "Grace" });
    }
    const tables = ["communications", "tasks", "documents"];
    const subject = await db.vault.pseudonym(TENANT, client_id);
    for (const table of tables) {
      const left = await db.pool.query(`SELECT 1 FROM overlay_${table} WHERE subjects @> ARRAY[$1]`, [
        subject,
      ]);
      assert.equal(left.rowCount, 0, table);
    }
    // The copies are put back, and open no more.
    assert.ok(copied);
    await db.redis.set(`${db.keyPrefix}tenant:${TENANT}:communication:own`, copied);
    const { tenant_id, id, client, subjects, agent_id, status, sealed, expires_at } = rows[0];
    await db.pool.query(
      `INSERT INTO overlay_communications (tenant_id, id, client, subjects, agent_id, status, sealed, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [tenant_id, id, client, subjects, agent_id, status, sealed, expires_at],
    );
    assert.equal(await ada.getCommunication("own", ADA), undefined);
    // Nothing about the person is taken in again.
    await assert.rejects(ada.setCommunication(communication({ client_id }), ADA), gone);
    await assert.rejects(ada.setTask({ client_id, title: "x" }, ADA), gone);
    await assert.rejects(ada.setCrmClient("hubspot", "1", {}, ADA), gone);
    await assert.rejects(ada.addAIAction(ADA, { type: "x", client_id }), gone);
    await assert.rejects(theirs.setAIContext("s", { client_id, context: {} }, ADA), gone);
  });

  test("writes that race with the erasure leave nothing behind, whichever comes first", async () => {
    const other = await db.process();
    for (let round = 0; round < 8; round += 1) {
      const client_id = `race:${round}`;
      await db.as(ADA).setTask({ client_id, title: "before" }, ADA);
      const writes = [db, other].map((each, n) =>
        each.as(ADA).setTask({ id: `race${round}-${n}`, client_id, title: "raced" }, ADA),
      );
      const [erased] = await Promise.all([
        db.vault.erase(TENANT, client_id, "asked for it"),
        ...writes.map((write) => write.catch((error: unknown) => assert.ok(gone(error), String(error)))),
      ]);
      assert.equal(erased.state, "erased");
      const subject = await db.vault.pseudonym(TENANT, client_id);
      const left = await db.pool.query("SELECT 1 FROM overlay_tasks WHERE subjects @> ARRAY[$1]", [subject]);
      assert.equal(left.rowCount, 0);
    }
  });
});
