// A change here goes there: with its transaction, in order, once, without an echo; where others changed the same, somebody decides.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { withTenant } from "../../db/tenant-transaction.js";
import { resolveConflict, SyncBacklogFull } from "../../services/sync/outbox.js";
import { retryDeadLetter } from "../../services/sync/sync-overview.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import {
  ACTOR,
  hubspotConnection,
  type SyncProcess,
  type SyncSystem,
  salesforceConnection,
  startHubspotSystem,
  startSalesforce,
  startSyncSystem,
} from "../support/crms/sync-system.js";
import { TENANT } from "../support/subject-database.js";

describe("outbound", () => {
  let server: HubspotServer;
  let system: SyncSystem;
  let one: SyncProcess;
  beforeAll(async () => {
    ({ server, system, one } = await startHubspotSystem({
      limits: { maxAttempts: 3, maxWaitingChanges: 20 },
    }));
  });
  afterAll(() => system.close());
  beforeEach(async () => {
    server.comeBack();
    server.beforeWrite = undefined;
    server.writes.length = 0;
    await system.sql("UPDATE sync_outbox SET status = 'dropped', ended_at = now() WHERE ended_at IS NULL");
  });

  const known = async (properties: Record<string, string>) => {
    const id = server.create(properties);
    await one.take(id);
    await one.work();
    server.takeEvents();
    return id;
  };
  const there = (id: string) => server.contacts.get(id)?.properties;
  const stateOf = async (id: string) => {
    const [row] = await system.sql("SELECT status, problem, attempts FROM sync_outbox WHERE id = $1", [id]);
    return row;
  };

  test("goes there, and its own event comes back as nothing new", async () => {
    const id = await known({ firstname: "Ada", phone: "1" });
    const change = await system.change(one, id, { firstname: "Grace" });
    assert.equal(await system.status(one, id), "syncing");
    await one.work();
    assert.equal(there(id)?.firstname, "Grace");
    assert.equal((await stateOf(change)).status, "done");
    assert.equal(await system.status(one, id), "fresh");
    const echoes = server.takeEvents();
    assert.equal(echoes.length, 1);
    await one.take(id);
    await one.work();
    assert.equal(server.writes.length, 1);
    assert.equal(await system.status(one, id), "fresh");
    assert.equal((await system.copy(one, id))?.firstname, "Grace");
    const [row] = await system.sql("SELECT sealed, theirs FROM sync_outbox WHERE id = $1", [change]);
    assert.deepEqual(row, { sealed: null, theirs: null });
  });

  test("a transaction that is rolled back sends nothing", async () => {
    const id = await known({ firstname: "Ada" });
    const prepared = await one.service.prepare(TENANT, "hubspot", id, { firstname: "Never" });
    assert.ok(prepared);
    await assert.rejects(
      withTenant(system.database.pool, TENANT, async (client) => {
        await one.service.enqueue(client, ACTOR, prepared);
        throw new Error("the rest of it failed");
      }),
    );
    await one.work();
    assert.equal(there(id)?.firstname, "Ada");
  });

  test("changes of one client go in their order, each on top of the last", async () => {
    const id = await known({ firstname: "0" });
    for (const firstname of ["1", "2", "3", "4"]) await system.change(one, id, { firstname });
    const other = await system.process();
    await Promise.all([one.work(), other.work()]);
    await one.work();
    assert.deepEqual(
      server.writes.map(({ properties }) => properties.firstname),
      ["1", "2", "3", "4"],
    );
    assert.equal(there(id)?.firstname, "4");
  });

  test("an answer that was lost: what has arrived is not sent again", async () => {
    const id = await known({ firstname: "Ada" });
    server.failNext("reset-after", /^PATCH/);
    const change = await system.change(one, id, { firstname: "Grace" });
    await one.round();
    assert.equal((await stateOf(change)).status, "sending");
    await system.hurry();
    await one.work();
    assert.equal((await stateOf(change)).status, "done");
    assert.equal(server.writes.length, 1);
  });

  test("an answer that was lost, and what arrived was taken back there: nobody's change is overwritten", async () => {
    const id = await known({ firstname: "Ada" });
    server.failNext("reset-after", /^PATCH/);
    const change = await system.change(one, id, { firstname: "Grace" });
    await one.round();
    server.change(id, { firstname: "Ada" });
    await system.hurry();
    await one.work();
    assert.equal((await stateOf(change)).status, "conflict");
    assert.equal(there(id)?.firstname, "Ada");
  });

  test("others' changes of other fields are kept, and ours goes there", async () => {
    const id = await known({ firstname: "Ada", phone: "1" });
    await system.change(one, id, { firstname: "Grace" });
    server.change(id, { phone: "2" });
    await one.work();
    assert.deepEqual([there(id)?.firstname, there(id)?.phone], ["Grace", "2"]);
    assert.equal((await system.copy(one, id))?.phone, "2");
  });

  test.each(["before it is looked at", "between look and write"])(
    "the same field was changed there, %s: a conflict with both versions; theirs, or ours",
    async (when) => {
      for (const take of ["theirs", "ours"] as const) {
        const id = await known({ firstname: "Ada" });
        const change = await system.change(one, id, { firstname: "Ours" });
        if (when.startsWith("before")) server.change(id, { firstname: "Theirs" });
        else
          server.beforeWrite = () => {
            server.beforeWrite = undefined;
            server.change(id, { firstname: "Theirs" });
          };
        await one.work();
        assert.equal((await stateOf(change)).status, "conflict");
        assert.equal(await system.status(one, id), "conflict");
        const [row] = await system.sql("SELECT sealed, theirs FROM sync_outbox WHERE id = $1", [change]);
        assert.ok(row.sealed !== null && row.theirs !== null);
        // Later events and changes do not make it go away, and changes behind it wait.
        const behind = await system.change(one, id, { phone: "9" });
        await one.take(id);
        await one.work();
        assert.equal(await system.status(one, id), "conflict");
        assert.equal((await stateOf(behind)).status, "pending");
        assert.equal(await resolveConflict(one.service.context, one.link, change, take, ACTOR), true);
        assert.equal(await resolveConflict(one.service.context, one.link, change, take, ACTOR), undefined);
        await one.work();
        const isOverwritten = take === "theirs" && when.startsWith("between");
        assert.equal(there(id)?.firstname, take === "ours" || isOverwritten ? "Ours" : "Theirs");
        assert.equal(there(id)?.phone, "9");
        assert.equal(await system.status(one, id), "fresh");
      }
    },
  );

  test("changed here and deleted there: a conflict in which only theirs can be taken", async () => {
    const id = await known({ firstname: "Ada" });
    const change = await system.change(one, id, { firstname: "Grace" });
    server.archive(id);
    await one.work();
    assert.equal((await stateOf(change)).status, "conflict");
    assert.equal(await resolveConflict(one.service.context, one.link, change, "ours", ACTOR), false);
    assert.equal(await resolveConflict(one.service.context, one.link, change, "theirs", ACTOR), true);
    await one.work();
    assert.equal(await system.copy(one, id), null);
  });

  test("a change that always fails is a dead letter, blocks what is behind it, and is tried again by hand", async () => {
    const [id, other] = [await known({ firstname: "Ada" }), await known({ firstname: "Mary" })];
    server.failNext("500", new RegExp(`^PATCH .*${id}`), 3);
    const change = await system.change(one, id, { firstname: "Grace" });
    const behind = await system.change(one, id, { phone: "2" });
    const unhurt = await system.change(one, other, { firstname: "Joan" });
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await one.work();
      await system.hurry();
    }
    assert.deepEqual([(await stateOf(change)).status, (await stateOf(change)).attempts], ["dead", 3]);
    assert.equal(await system.status(one, id), "failed");
    assert.equal((await stateOf(behind)).status, "pending");
    assert.equal((await stateOf(unhurt)).status, "done");
    assert.equal(await retryDeadLetter(one.service.context, one.link, change, ACTOR), true);
    await one.work();
    assert.deepEqual([there(id)?.firstname, there(id)?.phone], ["Grace", "2"]);
    assert.equal(await system.status(one, id), "fresh");
  });

  test("a limit costs no attempt and is waited for", async () => {
    const id = await known({ firstname: "Ada" });
    const own = await system.process();
    const change = await system.change(own, id, { firstname: "Grace" });
    server.isDayOver = true;
    server.retryAfter = "600";
    await own.work();
    server.isDayOver = false;
    server.retryAfter = undefined;
    const [row] = await system.sql(
      "SELECT status, attempts, extract(epoch FROM next_attempt_at - now())::float8 AS seconds FROM sync_outbox WHERE id = $1",
      [change],
    );
    assert.deepEqual([row.status, row.attempts], ["pending", 0]);
    assert.ok(row.seconds > 300 && row.seconds <= 600, String(row.seconds));
  });

  test("fields that the connection does not have are refused, and so is what goes beyond the bound", async () => {
    const id = await known({ firstname: "Ada" });
    await assert.rejects(one.service.prepare(TENANT, "hubspot", id, { password: "x" }), /no field/);
    server.goAway("500");
    for (let index = 0; index < 20; index += 1) await system.change(one, id, { firstname: String(index) });
    await assert.rejects(system.change(one, id, { firstname: "too much" }), SyncBacklogFull);
  });

  test("Salesforce: changed in the second that dates it, then by both sides; each ends where it should", async () => {
    const salesforce = await startSalesforce();
    const own = await startSyncSystem(salesforceConnection(salesforce));
    try {
      const process = await own.process();
      const id = salesforce.create({ FirstName: "Ada", Phone: "1" });
      const signal = new AbortController().signal;
      await process.service.read(TENANT, "salesforce", id, signal);
      await own.change(process, id, { FirstName: "Grace" });
      await process.work();
      assert.equal(salesforce.contacts.get(id)?.fields.FirstName, "Grace");
      await own.change(process, id, { FirstName: "Ours" });
      salesforce.beforeWrite = () => {
        salesforce.beforeWrite = undefined;
        salesforce.change(id, { FirstName: "Theirs" });
      };
      await process.work();
      assert.equal(salesforce.contacts.get(id)?.fields.FirstName, "Theirs");
      assert.equal(await own.status(process, id), "conflict");
      const [row] = await own.sql("SELECT id FROM sync_outbox WHERE status = 'conflict'");
      await resolveConflict(process.service.context, process.link, row.id, "ours", ACTOR);
      await process.work();
      await own.hurry();
      await process.work();
      assert.equal(salesforce.contacts.get(id)?.fields.FirstName, "Ours");
      assert.equal(await own.status(process, id), "fresh");
      assert.equal(salesforce.writes.length, 2);
    } finally {
      await own.close();
      await salesforce.close();
    }
  });

  test("a field that names the change tells for certain whether it has arrived, whatever became of it since", async () => {
    const own = await startSyncSystem(
      hubspotConnection(server, { refresh_token: server.refreshToken, write_key_field: "sync_key" }),
    );
    try {
      const process = await own.process();
      const id = server.create({ firstname: "Ada" });
      await process.service.read(TENANT, "hubspot", id, new AbortController().signal);
      server.failNext("reset-after", /^PATCH/);
      await own.change(process, id, { firstname: "Grace" });
      await process.work();
      server.change(id, { firstname: "Changed again there" });
      await own.hurry();
      await process.work();
      const [row] = await own.sql("SELECT status FROM sync_outbox");
      assert.equal(row.status, "done");
      assert.equal(there(id)?.firstname, "Changed again there");
      assert.equal(server.writes.length, 1);
    } finally {
      await own.close();
    }
  });

  test("every step has its record, of who changed it", async () => {
    server.comeBack();
    const id = server.create({ firstname: "Ada" });
    const own = await system.process();
    await system.change(own, id, { firstname: "Grace" });
    await own.work();
    const logs = await system.database.trail.getAuditLogs(TENANT, "crm_client", `hubspot:${id}`);
    const steps = logs.filter(({ actor }) => actor.id === ACTOR.id).map(({ detail }) => detail?.step);
    assert.deepEqual(steps.toSorted(), ["queued", "written"]);
  });
});
