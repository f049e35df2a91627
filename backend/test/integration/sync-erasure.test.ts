// Erasure reaches what synchronisation holds and the CRM itself; a person who was erased there is erased here; nobody comes back.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import {
  hubspotConnection,
  type SyncProcess,
  type SyncSystem,
  salesforceConnection,
  startHubspotSystem,
  startSalesforce,
  startSyncSystem,
} from "../support/crms/sync-system.js";
import { TENANT } from "../support/subject-database.js";

describe("erasure", () => {
  let server: HubspotServer;
  let system: SyncSystem;
  let one: SyncProcess;
  beforeAll(async () => {
    ({ server, system, one } = await startHubspotSystem());
  });
  afterAll(() => system.close());
  const rowsOf = async (crmId: string) => {
    const subject = await one.vault.pseudonym(TENANT, `hubspot:${crmId}`);
    const counts = await system.sql(
      `SELECT (SELECT count(*)::integer FROM sync_clients WHERE subject = $1) AS clients,
         (SELECT count(*)::integer FROM sync_events WHERE subject = $1) AS events,
         (SELECT count(*)::integer FROM sync_outbox WHERE subject = $1 AND kind = 'update' AND (sealed IS NOT NULL OR theirs IS NOT NULL)) AS changes`,
      [subject],
    );
    return counts[0];
  };

  test("here: copies, events and changes on their way are gone, and the CRM is told by its own deletion, though it is away first", async () => {
    const id = server.create({ firstname: "Ada" });
    await one.take(id);
    await one.work();
    await one.take(id);
    await system.change(one, id, { firstname: "Never" });
    const { held } = await one.vault.export(TENANT, `hubspot:${id}`);
    assert.deepEqual(held.map(({ where }) => where).toSorted(), [
      "PostgreSQL, sync_clients",
      "PostgreSQL, sync_events",
      "PostgreSQL, sync_outbox",
      "hubspot",
    ]);
    const before = await system.sql("SELECT data FROM sync_clients WHERE data IS NOT NULL");
    server.goAway("500");
    const report = await one.vault.erase(TENANT, `hubspot:${id}`, "the person asked for it");
    assert.equal(report.state, "erased");
    assert.deepEqual(await rowsOf(id), { clients: 0, events: 0, changes: 0 });
    // A copy of the rows from before does not open.
    for (const { data } of before) assert.equal(await one.vault.open(TENANT, "sync:copy", data), undefined);
    await one.work();
    assert.deepEqual(server.erased, []);
    server.comeBack();
    const other = await system.process();
    await system.hurry();
    await other.work();
    assert.deepEqual(server.erased, [id]);
    assert.equal(server.writes.length, 0);
    const orders = await system.sql("SELECT status, sealed FROM sync_outbox WHERE kind = 'erase'");
    assert.deepEqual(orders, [{ status: "done", sealed: null }]);
    // HubSpot tells of it in turn, and of whatever came before.
    await one.take(id, { kind: "erased" });
    await one.take(id);
    await other.work();
    assert.deepEqual(await rowsOf(id), { clients: 0, events: 0, changes: 0 });
    assert.deepEqual(server.erased, [id]);
    one = other;
  });

  test("there: privacyDeletion erases the subject here, and the CRM is not told what it has said itself", async () => {
    const id = server.create({ firstname: "Grace" });
    await one.take(id);
    await one.work();
    server.eraseForPrivacy(id);
    await one.take(id, { kind: "erased" });
    await one.work();
    assert.equal(await one.vault.isErased(TENANT, `hubspot:${id}`), true);
    assert.deepEqual(await rowsOf(id), { clients: 0, events: 0, changes: 0 });
    const told = await system.sql("SELECT 1 FROM sync_outbox WHERE kind = 'erase' AND status <> 'done'");
    assert.deepEqual(told, []);
    const read = await one.service.read(TENANT, "hubspot", id, AbortSignal.timeout(2000));
    assert.equal(read, undefined);
  });

  test("of somebody who was never synchronised, too", async () => {
    await one.take("777777", { kind: "erased" });
    await one.work();
    assert.equal(await one.vault.isErased(TENANT, "hubspot:777777"), true);
  });

  test("a reading of all clients does not bring back who was erased here and is still there", async () => {
    const id = server.create({ firstname: "Mary" });
    await one.vault.erase(TENANT, `hubspot:${id}`, "asked for it");
    await one.replay();
    assert.deepEqual(await rowsOf(id), { clients: 0, events: 0, changes: 0 });
    await one.work();
    assert.ok(server.erased.includes(id));
  });

  test("a CRM that keeps its own records is not told where the connection says so", async () => {
    const own = await startSyncSystem(hubspotConnection(server, { erase: false }));
    try {
      const process = await own.process({ refresh_token: server.refreshToken });
      const id = server.create({ firstname: "Joan" });
      await process.vault.erase(TENANT, `hubspot:${id}`, "asked for it");
      await process.work();
      assert.ok(!server.erased.includes(id));
    } finally {
      await own.close();
    }
  });

  test("Salesforce deletes the record", async () => {
    const salesforce = await startSalesforce();
    const own = await startSyncSystem(salesforceConnection(salesforce));
    try {
      const process = await own.process();
      const id = salesforce.create({ FirstName: "Ada" });
      await process.take(id);
      await process.work();
      await process.vault.erase(TENANT, `salesforce:${id}`, "asked for it");
      await process.work();
      assert.deepEqual(salesforce.deleted, [id]);
    } finally {
      await own.close();
      await salesforce.close();
    }
  });
});
