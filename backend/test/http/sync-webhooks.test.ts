// POST /api/sync/webhooks/:connectionId, as HubSpot calls it.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { tell } from "../../servers/in-test.js";
import { TENANT_A, TENANT_B } from "../support/crm.js";
import { PORTAL, signed } from "../support/crms/hubspot-messages.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { type SyncCrm, startSyncCrm } from "../support/crms/sync-crm.js";
import {
  hubspotConnection,
  salesforceConnection,
  startHubspot,
  startSalesforce,
} from "../support/crms/sync-system.js";

const OTHER_PORTAL = 777;

describe("webhooks", () => {
  let server: HubspotServer;
  let crm: SyncCrm;
  let url: string;
  let salesforceUrl: string;
  let otherId: string;
  beforeAll(async () => {
    server = await startHubspot();
    const salesforce = await startSalesforce();
    await salesforce.close();
    const mine = hubspotConnection(server, { tenant: TENANT_A });
    const other = hubspotConnection(server, { tenant: TENANT_B, portal_id: OTHER_PORTAL });
    const third = salesforceConnection(salesforce, { tenant: TENANT_A });
    otherId = other.id;
    crm = await startSyncCrm([mine, other, third]);
    url = `${crm.url}/api/sync/webhooks/${mine.id}`;
    salesforceUrl = `${crm.url}/api/sync/webhooks/${third.id}`;
  });
  afterAll(async () => {
    await crm.close();
    await server.close();
  });
  const eventsOf = async (tenantId: string) => {
    const { rows } = await crm.crm.pool.query(
      "SELECT event_key, status FROM sync_events WHERE tenant_id = $1",
      [tenantId],
    );
    return rows;
  };
  const send = async (body: string | Buffer, headers: Record<string, string>, to = url) => {
    const response = await fetch(to, { method: "POST", headers, body });
    return { status: response.status, text: await response.text() };
  };

  test("a delivery is durable when it is answered, needs no token, and may come again", async () => {
    const id = server.create({ firstname: "Ada" });
    const events = server.takeEvents();
    assert.equal(await server.deliver(url, events), 204);
    assert.deepEqual(
      (await eventsOf(TENANT_A)).map(({ status }) => status),
      ["pending"],
    );
    assert.equal(await server.deliver(url, events, 1), 204);
    assert.equal((await eventsOf(TENANT_A)).length, 1);
    await crm.work();
    const state = await crm.sync.state(TENANT_A, "hubspot", id);
    assert.equal(state?.syncStatus, "fresh");
  });

  test("a hundred events at once, in any order", async () => {
    const ids = Array.from({ length: 100 }, (_, index) => server.create({ firstname: String(index) }));
    const startedAtMs = performance.now();
    assert.equal(await server.deliver(url, server.takeEvents().toReversed()), 204);
    tell(
      `a hundred events about clients that are not known yet: ${Math.round(performance.now() - startedAtMs)} ms`,
    );
    await crm.work();
    const state = await crm.sync.state(TENANT_A, "hubspot", ids[57] ?? "");
    assert.equal(state?.syncStatus, "fresh");
  });

  test("what is not signed, signed for elsewhere, too late, or changed on its way is 401, and nothing is stored", async () => {
    const body = JSON.stringify([
      { eventId: 1, portalId: PORTAL, occurredAt: 1, subscriptionType: "contact.creation", objectId: 5 },
    ]);
    const before = (await eventsOf(TENANT_A)).length;
    const late = signed("POST", url, body, { timestamp: Date.now() - 301_000 });
    for (const headers of [{}, signed("POST", `${url}x`, body), late, signed("POST", url, `${body} `)]) {
      const { status, text } = await send(body, headers);
      assert.equal(status, 401, text);
      assert.equal(JSON.parse(text).status, 401);
    }
    assert.equal((await eventsOf(TENANT_A)).length, before);
    assert.equal((await send(body, signed("POST", url, body))).status, 204);
  });

  test("bytes are compared as they came: spaces, escapes and types make no difference to who signs", async () => {
    const body = `[ {"eventId": 7,"portalId":${PORTAL}, "occurredAt":1,"subscriptionType":"contact.cr\\u0065ation","objectId":6} ]\n`;
    const headers = { ...signed("POST", url, body), "Content-Type": "text/plain" };
    assert.equal((await send(body, headers)).status, 204);
  });

  test("an app has one address for all its accounts: each tenant gets its own account's events, and nobody others'", async () => {
    const before = (await eventsOf(TENANT_A)).length;
    const event = { eventId: 11, occurredAt: 1, subscriptionType: "contact.creation", objectId: 8 };
    const body = JSON.stringify([
      { ...event, portalId: OTHER_PORTAL },
      { ...event, portalId: 999 },
    ]);
    assert.equal((await send(body, signed("POST", url, body))).status, 204);
    assert.equal((await eventsOf(TENANT_A)).length, before);
    assert.equal((await eventsOf(TENANT_B)).length, 1);
    const { rows } = await crm.crm.pool.query(
      "SELECT DISTINCT connection_id FROM sync_events WHERE tenant_id = $1",
      [TENANT_B],
    );
    assert.deepEqual(rows, [{ connection_id: otherId }]);
  });

  test("unknown connections, a CRM that sends no webhooks, other methods, too large a body", async () => {
    const body = "[]";
    const unknown = `${crm.url}/api/sync/webhooks/99999999-0000-4000-8000-000000000000`;
    assert.equal((await send(body, signed("POST", unknown, body), unknown)).status, 404);
    assert.equal((await send(body, signed("POST", salesforceUrl, body), salesforceUrl)).status, 404);
    assert.equal((await fetch(url)).status, 405);
    const large = JSON.stringify(["x".repeat(1024 * 1024)]);
    assert.equal((await send(large, signed("POST", url, large))).status, 413);
    assert.equal(
      (await send(body, { ...signed("POST", url, body), "Content-Encoding": "gzip" })).status,
      415,
    );
  });

  test("the database away: 503, which the CRM tries again", async () => {
    const id = server.create({ firstname: "Late" });
    const events = server.takeEvents();
    const { pool } = crm.crm;
    const connect = pool.connect.bind(pool);
    Reflect.set(pool, "connect", () =>
      Promise.reject(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })),
    );
    try {
      assert.equal(await server.deliver(url, events), 503);
    } finally {
      Reflect.set(pool, "connect", connect);
    }
    assert.equal(await server.deliver(url, events), 204);
    await crm.work();
    assert.equal((await crm.sync.state(TENANT_A, "hubspot", id))?.syncStatus, "fresh");
  });
});
