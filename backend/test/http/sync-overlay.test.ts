// The overlay's clients over synchronisation: read from the CRM, kept, and read again when something has changed there.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { TENANT_A } from "../support/crm.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { type SyncCrm, startSyncCrm } from "../support/crms/sync-crm.js";
import { hubspotConnection, startHubspot } from "../support/crms/sync-system.js";

describe("overlay over synchronisation", () => {
  let server: HubspotServer;
  let crm: SyncCrm;
  let webhook: string;
  beforeAll(async () => {
    server = await startHubspot();
    const connection = hubspotConnection(server, { tenant: TENANT_A });
    crm = await startSyncCrm([connection]);
    webhook = `${crm.url}/api/sync/webhooks/${connection.id}`;
  });
  afterAll(async () => {
    await crm.close();
    await server.close();
  });
  const get = async (id: string) =>
    (await crm.ask(["agent"], "GET", `/api/overlay/clients/hubspot/${id}`)).body.data;
  const change = (crm_id: string, changes: object) =>
    crm.ask(["agent"], "POST", "/api/sync/changes", { crm_system: "hubspot", crm_id, changes });

  test("a client that nobody has set here is read from the CRM, once", async () => {
    const id = server.create({ firstname: "Ada" });
    const first = await get(id);
    assert.deepEqual([first.data.firstname, first.sync_status], ["Ada", "fresh"]);
    const asked = server.calls.length;
    assert.equal((await get(id)).data.firstname, "Ada");
    assert.equal(server.calls.length, asked);
  });

  test("a change there is seen by the first read after its webhook was answered", async () => {
    const id = server.create({ firstname: "Ada" });
    await get(id);
    server.takeEvents();
    server.change(id, { firstname: "Grace" });
    assert.equal(await server.deliver(webhook, server.takeEvents()), 204);
    assert.equal((await get(id)).data.firstname, "Grace");
  });

  test("the CRM away: the copy, and it says that it is stale", async () => {
    const id = server.create({ firstname: "Ada" });
    await get(id);
    server.takeEvents();
    server.change(id, { firstname: "Grace" });
    await server.deliver(webhook, server.takeEvents());
    server.goAway("500");
    const copy = await get(id);
    assert.deepEqual([copy.data.firstname, copy.sync_status], ["Ada", "stale"]);
    server.comeBack();
    await crm.crm.pool.query("UPDATE sync_clients SET next_attempt_at = now()");
    assert.equal((await get(id)).data.firstname, "Grace");
  });

  test("a change here is on its way, then there, then read from there", async () => {
    const id = server.create({ firstname: "Ada" });
    await get(id);
    await change(id, { firstname: "Grace" });
    await crm.work();
    const read = await get(id);
    assert.deepEqual([read.data.firstname, read.sync_status], ["Grace", "fresh"]);
  });

  test("a conflict shows on the client", async () => {
    const id = server.create({ firstname: "Ada" });
    await get(id);
    await change(id, { firstname: "Ours" });
    server.change(id, { firstname: "Theirs" });
    await crm.work();
    const { body } = await crm.ask(["agent"], "GET", `/api/overlay/clients/hubspot/${id}/sync-status`);
    assert.equal(body.data.sync_status, "conflict");
  });

  describe("a read that outlasts what comes meanwhile keeps nothing old as fresh", () => {
    const free = () => crm.crm.pool.query("UPDATE sync_clients SET lease = NULL, leased_until = NULL");
    const told = async (id: string) => {
      server.change(id, { firstname: "Grace" });
      assert.equal(await server.deliver(webhook, server.takeEvents()), 204);
    };
    /** What comes while the read is under way. */
    const meanwhile: Record<string, (id: string) => Promise<unknown>> = {
      "an event": told,
      "an event, which the worker has read": async (id) => {
        await told(id);
        // The read has worked longer than its lease lasts, or never had one.
        await free();
        await crm.work();
      },
      "a change from here, which the worker has sent": async (id) => {
        const { status } = await change(id, { firstname: "Grace" });
        assert.equal(status, 202);
        await free();
        await crm.work();
      },
    };
    /** Where the read is just then. Each runs `come` once. */
    const moments: Record<string, (come: () => Promise<unknown>) => void> = {
      "the answer is under way": (come) => {
        server.intercept = async (name, phase) => {
          if (phase !== "after" || !name.startsWith("GET /crm/v3/objects/contacts/")) return false;
          server.intercept = undefined;
          await come();
          return false;
        };
      },
      "the answer is to be kept": (come) => {
        crm.beforeKeeping = async () => {
          crm.beforeKeeping = undefined;
          await come();
        };
      },
    };
    const known: Record<string, (id: string) => Promise<unknown>> = {
      "that nobody has here": async () => {},
      "that is stale here": async (id) => {
        await get(id);
        await crm.crm.pool.query("UPDATE sync_clients SET read_at = now() - interval '1 hour'");
        await crm.crm.pool.query("UPDATE sync_connections SET replayed_at = now() - interval '1 hour'");
        await crm.setStale(id);
      },
      "that somebody else is reading": async (id) => {
        await get(id);
        await crm.crm.pool.query(
          "UPDATE sync_clients SET wanted = wanted + 1, status = 'stale', lease = gen_random_uuid(), leased_until = now() + interval '1 hour'",
        );
        await crm.setStale(id);
      },
    };
    const cases = Object.keys(known).flatMap((client) =>
      Object.keys(moments).flatMap((moment) =>
        Object.keys(meanwhile).map((what) => [client, moment, what] as const),
      ),
    );
    test.each(cases)("a client %s; %s; %s", async (client, moment, what) => {
      const id = server.create({ firstname: "Ada" });
      server.takeEvents();
      await known[client]?.(id);
      let cameTimes = 0;
      moments[moment]?.(async () => {
        cameTimes += 1;
        await meanwhile[what]?.(id);
      });
      const during = await get(id);
      assert.equal(cameTimes, 1);
      if (during.data.firstname === "Ada") assert.notEqual(during.sync_status, "fresh");
      if (what === "an event") await free();
      const after = await get(id);
      assert.deepEqual([after.data.firstname, after.sync_status], ["Grace", "fresh"]);
    });
  });

  test("erased in the CRM: gone from the overlay, too", async () => {
    const id = server.create({ firstname: "Ada" });
    await get(id);
    server.takeEvents();
    server.eraseForPrivacy(id);
    await server.deliver(webhook, server.takeEvents());
    await crm.work();
    const { status } = await crm.ask(["agent"], "GET", `/api/overlay/clients/hubspot/${id}`);
    assert.ok(status === 410 || status === 404, String(status));
  });
});
