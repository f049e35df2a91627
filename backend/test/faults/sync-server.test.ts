// The server as an operator starts it, connected to a local HubSpot: webhooks in, changes out, and a second start that goes on.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Client } from "pg";
import { createMigratedDatabase, type TestDatabase } from "../../servers/index.js";
import { until } from "../../servers/until.js";
import { issueToken } from "../../services/tokens.js";
import { SECRET, TENANT_A } from "../support/crm.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { hubspotConnection, startHubspot } from "../support/crms/sync-system.js";
import { type BackendProcess, forkBackend } from "../support/forked-backend.js";

describe("a server that is connected to HubSpot", () => {
  let hubspot: HubspotServer;
  let database: TestDatabase;
  let env: NodeJS.ProcessEnv;
  let server: BackendProcess | undefined;
  let connectionId: string;
  const folder = mkdtempSync(path.join(tmpdir(), "sync-secrets-"));
  beforeAll(async () => {
    hubspot = await startHubspot();
    database = await createMigratedDatabase();
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query("INSERT INTO tenants (id, name) VALUES ($1, 'Tenant A')", [TENANT_A]);
    await client.end();
    const connection = hubspotConnection(hubspot, { tenant: TENANT_A });
    connectionId = connection.id;
    writeFileSync(path.join(folder, "connections.json"), JSON.stringify([connection]));
    env = {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      DATABASE_URL: database.url,
      PORT: "0",
      JWT_SECRET: SECRET,
      CACHE_BUDGET_MS: "5000",
      SUBJECT_WRAPPING_KEYS: `first:${randomBytes(32).toString("base64")}`,
      SUBJECT_SECRETS_FOLDER: path.join(folder, "secrets"),
      CRM_CONNECTIONS_FILE: path.join(folder, "connections.json"),
      SYNC_REPLAY_SECONDS: "1",
    };
  });
  afterAll(async () => {
    await server?.kill();
    await hubspot.close();
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  const start = async () => {
    server = forkBackend(env);
    const url = await server.listening();
    const token = await issueToken({
      secret: SECRET,
      subject: "11111111-0000-4000-8000-00000000000a",
      role: "member",
      tenantId: TENANT_A,
      overlayRoles: ["supervisor"],
    });
    return async (method: string, where: string, body?: object) => {
      const response = await fetch(url + where, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          "Purpose-Of-Use": "TREAT",
          ...(body && { "Content-Type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { url, status: response.status, body: text && JSON.parse(text) };
    };
  };

  test("events come in and changes go out; killed and started again, it goes on with the token that it has kept", async () => {
    const id = hubspot.create({ firstname: "Ada" });
    const ask = await start();
    const webhook = `${(await ask("GET", "/api/sync/status")).url}/api/sync/webhooks/${connectionId}`;
    assert.equal(await hubspot.deliver(webhook, hubspot.takeEvents()), 204);
    const state = () => ask("GET", `/api/sync/clients?crm_system=hubspot&crm_id=${id}`);
    await until("the client is here", async () => (await state()).body.sync_status === "fresh");
    const change = { crm_system: "hubspot", crm_id: id, changes: { firstname: "Grace" } };
    assert.equal((await ask("POST", "/api/sync/changes", change)).status, 202);
    await until("the change is there", () => hubspot.contacts.get(id)?.properties.firstname === "Grace");
    await server?.kill();

    const again = await start();
    hubspot.change(id, { firstname: "Mary" });
    // No webhook came: the search finds it.
    await until("what was missed is here", async () => {
      const { body } = await again("GET", `/api/overlay/clients/hubspot/${id}`);
      return body.data?.data.firstname === "Mary";
    });
    const { body } = await again("GET", "/api/sync/status");
    assert.deepEqual(
      [body.connections[0].needs_reconnect, body.connections[0].dead_letters, body.connections[0].problem],
      [false, 0, null],
    );
    assert.equal(hubspot.spentTwice, 0);
    server?.child.kill("SIGTERM");
    assert.equal(await server?.ended, 0);
    assert.match(server?.output.text ?? "", /"stopped"/);
  });
});
