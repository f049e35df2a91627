// Processes that are killed at each step of what goes out and comes in: nothing is lost, nothing is written twice, nothing echoes.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { until } from "../../servers/until.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import type { SyncProcessParts } from "../support/crms/sync-process.js";
import {
  hubspotConnection,
  type SyncProcess,
  type SyncSystem,
  startHubspot,
  startSyncSystem,
} from "../support/crms/sync-system.js";
import { TENANT } from "../support/subject-database.js";

const PROGRAM = projectFile("dist/backend/test/support/crms/sync-process.js");

describe("killed processes", () => {
  let server: HubspotServer;
  let system: SyncSystem;
  let here: SyncProcess;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    server = await startHubspot();
    system = await startSyncSystem(hubspotConnection(server));
    here = await system.process();
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await system.close();
    await server.close();
  });
  beforeEach(() => {
    server.intercept = undefined;
    server.writes.length = 0;
  });

  const start = async () => {
    const { url, folder, keys } = system.database;
    const parts: SyncProcessParts = {
      databaseUrl: url,
      folder,
      keys: keys.map(({ id, secret }) => ({ id, secret: secret.toString("base64") })),
      connection: system.connection,
    };
    const child = fork(PROGRAM, {
      env: { PATH: process.env.PATH, SYNC_PROCESS: JSON.stringify(parts) },
      execArgv: [],
    });
    children.push(child);
    await once(child, "message");
    return child;
  };
  const kill = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  const open = async () => {
    const [{ count }] = await system.sql(
      `SELECT (SELECT count(*) FROM sync_outbox WHERE status NOT IN ('done', 'dropped')) + (SELECT count(*) FROM sync_events WHERE status <> 'done')
         + (SELECT count(*) FROM sync_clients WHERE wanted > done) AS count`,
    );
    return Number(count);
  };
  /** Another process goes on; what the dead one has leased is waited for no longer. */
  const settled = async () => {
    await system.hurry();
    await until("nothing is left to do", async () => {
      await system.due();
      await here.work();
      await here.replay();
      return (await open()) === 0;
    });
  };

  test.each([
    ["POST /oauth/v3/token", "before"],
    ["GET /crm/v3/objects/contacts/ID", "before"],
    ["GET /crm/v3/objects/contacts/ID", "after"],
    ["PATCH /crm/v3/objects/contacts/ID", "before"],
    ["PATCH /crm/v3/objects/contacts/ID", "after"],
    ["POST /crm/v3/objects/contacts/batch/read", "before"],
    ["POST /crm/v3/objects/contacts/batch/read", "after"],
    ["POST /crm/v3/objects/contacts/search", "after"],
    ["POST /crm/v3/objects/contacts/gdpr-delete", "before"],
    ["POST /crm/v3/objects/contacts/gdpr-delete", "after"],
  ] as const)("%s, %s it is carried out", async (step, phase) => {
    const changed = server.create({ firstname: "Ada", phone: "1" });
    const told = server.create({ firstname: "Grace" });
    const erased = server.create({ firstname: "Mary" });
    await here.service.read(TENANT, "hubspot", changed, AbortSignal.timeout(20_000));
    const child = await start();
    let isKilled = false;
    server.intercept = async (name, now) => {
      if (isKilled || now !== phase || name.replace(/\d{3,}$/, "ID") !== step) return false;
      isKilled = true;
      await kill(child);
      return true;
    };
    if (step.includes("token")) server.expireTokens();
    await system.change(here, changed, { firstname: "Changed" });
    await here.take(told);
    await here.vault.erase(TENANT, `hubspot:${erased}`, "asked for it");
    await until("the process was killed", () => isKilled);
    await settled();
    assert.equal(server.contacts.get(changed)?.properties.firstname, "Changed");
    assert.equal(server.writes.length, 1);
    assert.equal((await system.copy(here, changed))?.firstname, "Changed");
    assert.equal((await system.copy(here, told))?.firstname, "Grace");
    assert.equal(await system.status(here, changed), "fresh");
    assert.ok(server.erased.includes(erased));
    assert.equal(await system.copy(here, erased), undefined);
    assert.equal(server.spentTwice, 0);
  });

  test("killed at any moment, again and again: each change arrives once, in its order", async () => {
    const ids = Array.from({ length: 4 }, () => server.create({ firstname: "0" }));
    for (const id of ids) await here.service.read(TENANT, "hubspot", id, AbortSignal.timeout(20_000));
    for (let value = 1; value <= 5; value += 1)
      for (const id of ids) await system.change(here, id, { firstname: String(value) });
    for (let round = 0; round < 6; round += 1) {
      const child = await start();
      await new Promise((resolve) => setTimeout(resolve, 40 + Math.random() * 400));
      await kill(child);
      await system.hurry();
    }
    await settled();
    for (const id of ids) {
      const values = server.writes
        .filter((write) => write.id === id)
        .map(({ properties }) => properties.firstname);
      assert.deepEqual(values, ["1", "2", "3", "4", "5"]);
      assert.equal((await system.copy(here, id))?.firstname, "5");
    }
  });
});
