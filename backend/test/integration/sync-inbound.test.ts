// What a CRM says comes in: durable, once, in whatever order; failures of one client are its own.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import type { SourceEvent } from "../../services/sync/connector.js";
import { takeEvents } from "../../services/sync/inbox.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { type SyncProcess, type SyncSystem, startHubspotSystem } from "../support/crms/sync-system.js";
import { TENANT } from "../support/subject-database.js";

describe("inbound", () => {
  let server: HubspotServer;
  let system: SyncSystem;
  let one: SyncProcess;
  let number = 0;
  beforeAll(async () => {
    ({ server, system, one } = await startHubspotSystem({
      limits: { maxAttempts: 3, maxWaitingEvents: 50 },
    }));
  });
  afterAll(() => system.close());
  beforeEach(() => server.comeBack());

  const changed = (crmId: string, key = `test:${number++}`): SourceEvent => ({ key, kind: "changed", crmId });
  const take = (events: readonly SourceEvent[], process = one) =>
    takeEvents(process.service.context, process.link, events, { via: "webhook" });

  test("an event names a client, which is then what the source is; the same event again is none", async () => {
    const id = server.create({ firstname: "Ada" });
    const event = changed(id);
    assert.deepEqual(await take([event, event]), { stored: 1 });
    assert.equal(await system.status(one, id), "stale");
    await one.work();
    assert.equal((await system.copy(one, id))?.firstname, "Ada");
    assert.equal(await system.status(one, id), "fresh");
    assert.deepEqual(await take([event]), { stored: 0 });
    assert.equal(await system.status(one, id), "fresh");
  });

  test("neither rows nor the audit trail show whom they are about", async () => {
    const id = server.create({ firstname: "Unmistakable", email: "unmistakable@example.com" });
    await take([changed(id)]);
    await one.work();
    for (const table of ["sync_clients", "sync_events", "audit_pending"]) {
      const rows = JSON.stringify(await system.sql(`SELECT t::text AS text FROM ${table} t`));
      assert.doesNotMatch(rows, /[Uu]nmistakable/, table);
      assert.doesNotMatch(rows, new RegExp(`hubspot:${id}`), table);
    }
  });

  test("each reading has its record", async () => {
    const id = server.create({ firstname: "Recorded" });
    await take([changed(id)]);
    await one.work();
    const logs = await system.database.trail.getAuditLogs(TENANT, "crm_client", `hubspot:${id}`);
    assert.deepEqual(
      logs.map(({ action, actor, detail }) => [action, actor.id, detail?.direction]),
      [["sync", "connector:hubspot", "in"]],
    );
  });

  test("deleted there: gone here, and back where it is restored", async () => {
    const id = server.create({ firstname: "Ada" });
    await take([changed(id)]);
    await one.work();
    server.archive(id);
    await take([{ key: `test:${number++}`, kind: "deleted", crmId: id }]);
    await one.work();
    assert.equal(await system.copy(one, id), null);
    server.restore(id);
    await take([changed(id)]);
    await one.work();
    assert.equal((await system.copy(one, id))?.firstname, "Ada");
  });

  test("one that fails in a batch is tried by itself, then a dead letter, then tried again by hand", async () => {
    const [good, bad] = [server.create({ firstname: "Good" }), server.create({ firstname: "Bad" })];
    server.failsInBatch.add(bad);
    await take([changed(good), changed(bad)]);
    await one.round();
    assert.equal(await system.status(one, good), "fresh");
    assert.equal(await system.status(one, bad), "stale");
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await system.hurry();
      await one.work();
    }
    assert.equal(await system.status(one, bad), "failed");
    const [dead] = await system.sql("SELECT seq, problem FROM sync_events WHERE status = 'dead'");
    assert.match(dead.problem, /INTERNAL_ERROR/);
    server.failsInBatch.clear();
    const { retryDeadLetter } = await import("../../services/sync/sync-overview.js");
    const actor = { id: "supervisor", role: "supervisor" };
    assert.equal(await retryDeadLetter(one.service.context, one.link, `event-${dead.seq}`, actor), true);
    await one.work();
    assert.equal((await system.copy(one, bad))?.firstname, "Bad");
    assert.equal(await system.status(one, bad), "fresh");
    assert.deepEqual(await system.sql("SELECT 1 FROM sync_events WHERE status <> 'done'"), []);
  });

  test("a CRM that is away for long costs no client: all are there when it is back", async () => {
    const ids = [server.create({ firstname: "A" }), server.create({ firstname: "B" })];
    await take(ids.map((id) => changed(id)));
    server.goAway("500");
    for (let round = 0; round < 8; round += 1) {
      await system.hurry();
      await one.work();
    }
    for (const id of ids) assert.equal(await system.status(one, id), "stale");
    server.comeBack();
    const other = await system.process({ refresh_token: server.refreshToken });
    await system.hurry();
    await other.work();
    for (const id of ids) assert.equal(await system.status(other, id), "fresh");
    one = other;
  });

  test("two processes: each client is read by one of them, and an event during the reading is not lost", async () => {
    const other = await system.process({ refresh_token: server.refreshToken });
    const ids = Array.from({ length: 30 }, (_, index) => server.create({ firstname: `N${index}` }));
    await take(ids.map((id) => changed(id)));
    server.slowMs = 50;
    const working = Promise.all([one.work(), other.work()]);
    for (const id of ids) server.change(id, { firstname: "late" });
    await take(
      ids.map((id) => changed(id)),
      other,
    );
    await working;
    server.slowMs = 0;
    await system.hurry();
    await one.work();
    for (const id of ids) assert.equal((await system.copy(one, id))?.firstname, "late");
  });

  test("above the bound of waiting events, a reading of all clients stands for them", async () => {
    const ids = Array.from({ length: 60 }, (_, index) => server.create({ firstname: `Many${index}` }));
    await one.replay();
    await one.work();
    for (const id of ids) server.change(id, { firstname: "much" });
    await take(ids.map((id) => changed(id)));
    await take(ids.map((id) => changed(id)));
    const [waiting] = await system.sql(
      "SELECT count(*)::integer AS count FROM sync_events WHERE status = 'pending'",
    );
    assert.equal(waiting.count, 60);
    const [connection] = await system.sql("SELECT full_read_wanted FROM sync_connections");
    assert.equal(connection.full_read_wanted, true);
    await one.work();
    await one.replay();
    await one.work();
    for (const id of ids) assert.equal((await system.copy(one, id))?.firstname, "much");
  });
});
