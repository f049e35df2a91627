// Reads: what is fresh is here; else the CRM is asked within a budget; else the last copy, which says that it is stale.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import type { ReadClient } from "../../services/sync/read-client.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { type SyncProcess, type SyncSystem, startHubspotSystem } from "../support/crms/sync-system.js";
import { TENANT } from "../support/subject-database.js";

describe("reads", () => {
  let server: HubspotServer;
  let system: SyncSystem;
  let one: SyncProcess;
  beforeAll(async () => {
    ({ server, system, one } = await startHubspotSystem());
  });
  afterAll(() => system.close());
  beforeEach(() => {
    server.comeBack();
    server.slowMs = 0;
  });

  const read = async (id: string, budgetMs = 30_000): Promise<ReadClient | undefined> => {
    const found = await one.service.read(TENANT, "hubspot", id, AbortSignal.timeout(budgetMs));
    assert.notEqual(found, "none");
    return found as ReadClient | undefined;
  };

  test("the first read asks the CRM, the next does not", async () => {
    const id = server.create({ firstname: "Ada" });
    const first = await read(id);
    assert.deepEqual([first?.source, first?.syncStatus, first?.data.firstname], ["source", "fresh", "Ada"]);
    const asked = server.calls.length;
    const second = await read(id);
    assert.deepEqual([second?.source, second?.syncStatus, second?.data.firstname], ["store", "fresh", "Ada"]);
    assert.equal(server.calls.length, asked);
    assert.equal(second?.version, first?.version);
  });

  test("stale: asked again, within the budget; the answer is what the CRM has", async () => {
    const id = server.create({ firstname: "Ada" });
    await read(id);
    server.change(id, { firstname: "Grace" });
    await one.take(id);
    assert.equal((await one.service.state(TENANT, "hubspot", id))?.syncStatus, "stale");
    const found = await read(id);
    assert.deepEqual([found?.source, found?.syncStatus, found?.data.firstname], ["source", "fresh", "Grace"]);
  });

  test.each(["500", "reset", "hang", "half"] as const)(
    "stale, and the CRM fails (%s): the copy, which says so",
    async (fault) => {
      const id = server.create({ firstname: "Ada" });
      await read(id);
      await one.take(id);
      server.failNext(fault, /contacts/);
      const startedAtMs = performance.now();
      const found = await read(id, 500);
      assert.ok(performance.now() - startedAtMs < 10_000);
      assert.deepEqual([found?.source, found?.syncStatus, found?.data.firstname], ["store", "stale", "Ada"]);
      assert.ok(found?.reason);
      await system.hurry();
      assert.equal((await read(id))?.syncStatus, "fresh");
    },
  );

  test("nothing here, and the CRM does not say: that is an error, not a client that is not there", async () => {
    const id = server.create({ firstname: "Ada" });
    server.failNext("500", /contacts/);
    await assert.rejects(read(id), /502/);
    assert.equal((await read(id))?.data.firstname, "Ada");
    assert.equal(await read("888888"), undefined);
  });

  test("nobody has looked for changes for a while: what is here counts as stale", async () => {
    const id = server.create({ firstname: "Ada" });
    await read(id);
    await system.sql("UPDATE sync_clients SET read_at = now() - interval '1 hour' WHERE data IS NOT NULL");
    await system.sql("UPDATE sync_connections SET replayed_at = now() - interval '1 hour'");
    const state = await one.service.state(TENANT, "hubspot", id);
    assert.equal(state?.syncStatus, "stale");
    assert.match(state?.reason ?? "", /for a while/);
    assert.equal((await read(id))?.source, "source");
  });

  test("copies whose time is over are removed; the version stays", async () => {
    const id = server.create({ firstname: "Ada" });
    const version = (await read(id))?.version;
    await system.sql("UPDATE sync_clients SET read_at = now() - interval '7 hours'");
    await one.service.cleanUp(one.link);
    const rows = await system.sql("SELECT 1 FROM sync_clients WHERE data IS NOT NULL");
    assert.deepEqual(rows, []);
    assert.equal((await one.service.state(TENANT, "hubspot", id))?.version, version);
    assert.equal((await read(id))?.data.firstname, "Ada");
  });

  test("a CRM that the tenant is not connected to is nobody's", async () => {
    const signal = AbortSignal.timeout(1000);
    assert.equal(await one.service.read(TENANT, "salesforce", "1", signal), "none");
    assert.equal(
      await one.service.read("bbbbbbbb-0000-4000-8000-000000000031", "hubspot", "1", signal),
      "none",
    );
  });
});
