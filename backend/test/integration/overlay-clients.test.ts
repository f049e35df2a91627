// Clients of other CRMs: cache, row and source; what is stale is asked for again, within a budget.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { setClock } from "../../servers/in-test.js";
import { CACHE_TTL } from "../../services/overlay/cache-ttl.js";
import type { ClientSources, SourceClient } from "../../services/overlay/overlay-parts.js";
import { ADA, type OverlayDatabase, startOverlay, TENANT } from "../support/overlay-database.js";

const at = (minute: number) => new Date(Date.UTC(2026, 2, 31, 8, minute));

describe("clients of other CRMs", () => {
  let db: OverlayDatabase;
  let answer: (crmId: string) => Promise<SourceClient | undefined | "none">;
  let asked: string[] = [];
  const sources: ClientSources = {
    read: async (_tenantId, _system, crmId) => {
      asked.push(crmId);
      return await answer(crmId);
    },
  };
  beforeAll(async () => {
    db = await startOverlay({ sources, sourceBudgetMs: 300 });
  });
  beforeEach(() => {
    asked = [];
    answer = async () => "none";
  });
  afterAll(() => db.close());

  const newest = async (clientId: string) => (await db.trail.getAuditLogs(TENANT, "crm_client", clientId))[0];

  test("set and read: key, TTL, and the id of the other CRM in no key and no record", async () => {
    const ada = db.as(ADA);
    const set = await ada.setCrmClient("hubspot", "1", { name: "Ada Lovelace" }, ADA, {
      sourceVersion: "v7",
    });
    assert.deepEqual([set.sync_status, set.source_version], ["fresh", "v7"]);
    assert.deepEqual(await ada.getCrmClient("hubspot", "1", ADA), set);
    const pseudonym = await db.vault.pseudonym(TENANT, "hubspot:1");
    assert.deepEqual(await db.keys("crm_client:*"), [`crm_client:hubspot:${pseudonym}`]);
    const ttl = await db.redis.ttl(`${db.keyPrefix}tenant:${TENANT}:crm_client:hubspot:${pseudonym}`);
    assert.ok(ttl > CACHE_TTL.crmClient - 60 && ttl <= CACHE_TTL.crmClient);
    const hit = await newest("hubspot:1");
    assert.deepEqual(
      [hit?.action, hit?.source, hit?.entityId, hit?.subject],
      ["read", "cache", `subject:${pseudonym}`, pseudonym],
    );
    await db.redis.flushall();
    assert.deepEqual(await ada.getCrmClient("hubspot", "1", ADA), set);
    assert.equal((await newest("hubspot:1"))?.source, "store");
    assert.deepEqual(asked, []);
  });

  test("what nobody has here comes from the other CRM, once for all that ask, and stays", async () => {
    answer = async () => ({ data: { name: "Grace" }, version: "v1", modifiedAt: at(1) });
    const read = () => db.as(ADA).getCrmClient("hubspot", "2", ADA);
    const all = await Promise.all([read(), read(), read()]);
    assert.deepEqual(asked, ["2"]);
    assert.deepEqual(all[0]?.data, { name: "Grace" });
    assert.deepEqual(all[1], all[0]);
    assert.equal(all[0]?.agent_id, ADA);
    await read();
    assert.deepEqual(asked, ["2"]);
    const actions = (await db.trail.getAuditLogs(TENANT, "crm_client", "hubspot:2")).map(
      ({ action, source }) => `${action} ${source}`,
    );
    assert.ok(actions.includes("sync source") && actions.includes("read source"));
  });

  test("nobody has it: no client, on record; the other CRM is away: 503, or what is here and says that it is stale", async () => {
    answer = async () => undefined;
    assert.equal(await db.as(ADA).getCrmClient("hubspot", "3", ADA), undefined);
    assert.equal((await newest("hubspot:3"))?.outcome, "failure");
    answer = async () => {
      throw new Error("down");
    };
    const away = (error: unknown) => error instanceof HttpProblem && error.status === 503;
    await assert.rejects(db.as(ADA).getCrmClient("hubspot", "4", ADA), away);
    const set = await db.as(ADA).setCrmClient("hubspot", "5", { name: "Mary" }, ADA);
    await db.supervisor().setSyncStatus("hubspot", "5", "stale", "webhook");
    const stale = await db.as(ADA).getCrmClient("hubspot", "5", ADA);
    assert.deepEqual([stale?.data, stale?.sync_status, stale?.sync_reason], [set.data, "stale", "webhook"]);
    answer = () => new Promise(() => {});
    // Only the budget ends this.
    assert.equal((await db.as(ADA).getCrmClient("hubspot", "5", ADA))?.sync_status, "stale");
    answer = async () => ({ data: { name: "Mary J." }, version: "v2", modifiedAt: at(2) });
    const fresh = await db.as(ADA).getCrmClient("hubspot", "5", ADA);
    assert.deepEqual(
      [fresh?.data, fresh?.sync_status, fresh?.sync_reason],
      [{ name: "Mary J." }, "fresh", null],
    );
    asked = [];
    await db.as(ADA).getCrmClient("hubspot", "5", ADA);
    assert.deepEqual(asked, []);
  });

  describe("what comes while the other CRM is asked", () => {
    const old = { data: { name: "Old" }, version: "v1", modifiedAt: at(1) };
    const read = (id: string) => db.as(ADA).getCrmClient("hubspot", id, ADA);
    /** Reads a client that is stale here; `come` comes when the other CRM has answered. */
    const readDuring = async (id: string, come: () => Promise<unknown>) => {
      await db.as(ADA).setCrmClient("hubspot", id, { name: "Older" }, ADA, { syncStatus: "stale" });
      answer = async () => {
        await come();
        return old;
      };
      const during = await read(id);
      asked = [];
      answer = async () => ({ data: { name: "New" }, version: "v2", modifiedAt: at(2) });
      return during;
    };

    test("a status that somebody says stays: the next read asks again", async () => {
      const say = () => db.supervisor().setSyncStatus("hubspot", "during-1", "stale");
      const during = await readDuring("during-1", say);
      assert.deepEqual([during?.data, during?.sync_status], [{ name: "Old" }, "stale"]);
      const after = await read("during-1");
      assert.deepEqual([after?.data, after?.sync_status, asked], [{ name: "New" }, "fresh", ["during-1"]]);
    });

    test("a copy that somebody sets stays", async () => {
      const set = () => db.as(ADA).setCrmClient("hubspot", "during-2", { name: "Set" }, ADA);
      assert.deepEqual((await readDuring("during-2", set))?.data, { name: "Set" });
      assert.deepEqual([(await read("during-2"))?.data, asked], [{ name: "Set" }, []]);
    });

    test("a later one that somebody sets stays, too; an earlier one does not", async () => {
      const set = (id: string, minute: number) => () =>
        db.as(ADA).setCrmClient("hubspot", id, { minute }, ADA, { modifiedAt: at(minute) });
      assert.deepEqual((await readDuring("during-3", set("during-3", 2)))?.data, { minute: 2 });
      assert.deepEqual((await readDuring("during-4", set("during-4", 0)))?.data, { name: "Old" });
    });

    test("how it stands is asked when it is kept", async () => {
      const standing = async () => ({ syncStatus: "stale" as const, reason: "an event has come" });
      answer = async () => ({ ...old, syncStatus: "fresh", standing });
      const during = await read("during-5");
      assert.deepEqual([during?.sync_status, during?.sync_reason], ["stale", "an event has come"]);
    });
  });

  test("an older change of the source changes nothing, whenever it comes", async () => {
    const ada = db.as(ADA);
    await ada.setCrmClient("hubspot", "6", { n: 2 }, ADA, { sourceVersion: "v2", modifiedAt: at(2) });
    const kept = await ada.setCrmClient("hubspot", "6", { n: 1 }, ADA, {
      sourceVersion: "v1",
      modifiedAt: at(1),
    });
    assert.deepEqual([kept.data, kept.source_version], [{ n: 2 }, "v2"]);
    assert.deepEqual((await ada.getCrmClient("hubspot", "6", ADA))?.data, { n: 2 });
    const newer = { sourceVersion: "v3", modifiedAt: at(3) };
    await ada.setCrmClient("hubspot", "6", { n: 3 }, ADA, newer);
    assert.deepEqual((await ada.getCrmClient("hubspot", "6", ADA))?.data, { n: 3 });
  });

  test("deleted in the other CRM: nobody's, though a copy is held; restored: as it is there", async () => {
    const ada = db.as(ADA);
    await ada.setCrmClient("hubspot", "11", { name: "Held" }, ADA, { syncStatus: "stale" });
    answer = async () => undefined;
    assert.equal(await ada.getCrmClient("hubspot", "11", ADA), undefined);
    assert.equal((await newest("hubspot:11"))?.outcome, "failure");
    answer = async () => ({ data: { name: "Restored" }, version: "v2", modifiedAt: at(2) });
    assert.deepEqual((await ada.getCrmClient("hubspot", "11", ADA))?.data, { name: "Restored" });
  });

  test("a status is seen by the next read of every process", async () => {
    const other = await db.process();
    await db.as(ADA).setCrmClient("hubspot", "7", {}, ADA);
    assert.equal((await other.as(ADA).getCrmClient("hubspot", "7", ADA))?.sync_status, "fresh");
    await db.as(ADA).setSyncStatus("hubspot", "7", "conflict", "changed on both sides");
    assert.equal((await other.as(ADA).getCrmClient("hubspot", "7", ADA))?.sync_status, "conflict");
    assert.deepEqual(await other.as(ADA).getSyncStatus("hubspot", "7"), {
      sync_status: "conflict",
      sync_reason: "changed on both sides",
      source_version: null,
      source_modified_at: null,
    });
  });

  test("many at once: each is the client, or why there is none", async () => {
    const ada = db.as(ADA);
    const refs = ["1", "none", "6"].map((crm_id) => ({ crm_system: "hubspot", crm_id }));
    const [one, none, six] = await ada.getCrmClients(refs, ADA);
    assert.deepEqual(one?.client?.data, { name: "Ada Lovelace" });
    assert.equal(none?.problem?.status, 404);
    assert.deepEqual(six?.client?.data, { n: 3 });
    const tooLarge = { text: "x".repeat(300_000) };
    await assert.rejects(ada.setCrmClient("hubspot", "8", tooLarge, ADA), /bytes, and 262144 are the most/);
  });

  test("in the last moment of its hours it is still there", async () => {
    const ada = db.as(ADA);
    await ada.setCrmClient("hubspot", "10", { name: "Old" }, ADA);
    await db.redis.flushall();
    // PostgreSQL's clock says that it is not over, and the process's that it is: so is a row that is over when it has been read.
    await db.pool.query("UPDATE overlay_clients SET expires_at = now() + interval '1 hour'");
    setClock(Date.now() + 2 * 3_600_000);
    assert.deepEqual((await ada.getCrmClient("hubspot", "10", ADA))?.data, { name: "Old" });
  });

  test("after its hours the copy is gone, and whose client it is stays", async () => {
    const ada = db.as(ADA);
    await ada.setCrmClient("hubspot", "9", { name: "Old" }, ADA);
    await db.redis.flushall();
    const client = await db.vault.pseudonym(TENANT, "hubspot:9");
    const over = "UPDATE overlay_clients SET expires_at = now() - interval '1 s' WHERE client = $1";
    await db.pool.query(over, [client]);
    assert.equal(await ada.getCrmClient("hubspot", "9", ADA), undefined);
    assert.equal((await db.overlay.cleanup(TENANT)).removed.clients, 1);
    const { rows } = await db.pool.query("SELECT sealed, agent_id FROM overlay_clients WHERE client = $1", [
      client,
    ]);
    assert.deepEqual([rows[0].sealed, rows[0].agent_id], [null, ADA]);
  });
});
