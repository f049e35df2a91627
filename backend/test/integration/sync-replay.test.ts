// Replay: a durable cursor, gaps, overflows and lost events; and a reading of all clients, which goes on where a process died.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { afterTest, closeAfterTest } from "../../servers/in-test.js";
import type { Link } from "../../services/sync/sync-context.js";
import {
  hubspotConnection,
  salesforceConnection,
  startHubspot,
  startSalesforce,
  startSyncSystem,
} from "../support/crms/sync-system.js";

async function salesforceSystem(limits = {}) {
  const server = await startSalesforce();
  closeAfterTest(server);
  const system = await startSyncSystem(salesforceConnection(server), { limits });
  afterTest(() => system.close());
  const process = await system.process();
  const settled = async () => {
    await process.replay();
    await process.work();
  };
  const cursor = async () => (await system.sql("SELECT cursor FROM sync_connections"))[0].cursor;
  return { server, system, process, settled, cursor };
}

describe("replay", () => {
  test("begins with all clients, and then with what has changed: the cursor moves with what is durable", async () => {
    const { server, system, process, settled, cursor } = await salesforceSystem();
    const ids = [server.create({ FirstName: "A" }), server.create({ FirstName: "B" })];
    await settled();
    await settled();
    for (const [index, id] of ids.entries())
      assert.equal((await system.copy(process, id))?.FirstName, "AB"[index]);
    const before = await cursor();
    server.change(ids[0] ?? "", { FirstName: "again" });
    server.remove(ids[1] ?? "");
    const lists = server.count(/query/);
    await settled();
    assert.equal((await system.copy(process, ids[0] ?? ""))?.FirstName, "again");
    assert.equal(await system.copy(process, ids[1] ?? ""), null);
    assert.notEqual(await cursor(), before);
    assert.equal(server.count(/query/), lists);
  });

  test("gap events, overflow events, and events that are no longer kept end in the source's state", async () => {
    const { server, system, process, settled } = await salesforceSystem();
    const [gap, overflow, lost] = [
      server.create({ Phone: "1" }),
      server.create({ Phone: "1" }),
      server.create({ Phone: "1" }),
    ];
    await settled();
    await settled();
    server.changeWithGap(gap, { Phone: "2" }, "GAP_UPDATE");
    server.changeWithGap(overflow, { Phone: "2" }, "GAP_OVERFLOW");
    await settled();
    assert.equal((await system.copy(process, gap))?.Phone, "2");
    assert.equal((await system.copy(process, overflow))?.Phone, "2");
    server.change(lost, { Phone: "2" });
    server.remove(gap);
    server.forgetEvents();
    await settled();
    assert.equal((await system.copy(process, lost))?.Phone, "2");
    assert.equal(await system.copy(process, gap), null);
  });

  test("an event that never came is made up for by the next reading of all clients", async () => {
    const { server, system, process, settled } = await salesforceSystem({ fullReadSeconds: 1 });
    const id = server.create({ Phone: "1" });
    await settled();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    server.change(id, { Phone: "2" });
    server.lost.add(server.log.at(-1)?.replayId ?? 0);
    await settled();
    assert.equal((await system.copy(process, id))?.Phone, "2");
  });

  test("a reading of all clients that is cut off goes on at its page, in another process", async () => {
    const { server, system, process } = await salesforceSystem();
    server.pageSize = 10;
    const ids = Array.from({ length: 35 }, (_, index) => server.create({ FirstName: String(index) }));
    server.failNext("half", /query.*-20/);
    await process.replay();
    const [row] = await system.sql("SELECT full_read_page, problem FROM sync_connections");
    assert.match(row.full_read_page, /-20$/);
    assert.match(row.problem, /JSON/);
    const other = await system.process();
    await other.replay();
    await other.work();
    assert.equal(server.count(/query$/), 1);
    for (const id of ids) assert.notEqual(await system.copy(process, id), undefined);
    const [after] = await system.sql(
      "SELECT full_read_page, full_read_at IS NOT NULL AS is_over, problem FROM sync_connections",
    );
    assert.deepEqual(after, { full_read_page: null, is_over: true, problem: null });
  });

  test("one process reads a stream at a time, and who has lost it moves no cursor", async () => {
    const { server, system, process, cursor } = await salesforceSystem();
    await process.replay();
    server.create({ FirstName: "A" });
    const other = await system.process();
    const link: Link = process.link;
    const original = link.connector.changesSince.bind(link.connector);
    link.connector.changesSince = async function* (...args) {
      yield* original(...args);
      // Taken for dead, as it took too long.
      await system.hurry();
      await other.replay();
      server.create({ FirstName: "B" });
      await other.replay();
    };
    await process.replay();
    const last = server.log.at(-1)?.replayId;
    assert.equal(await cursor(), String(last));
  });

  test("HubSpot: what webhooks have missed is found by search, and deletions by the reading of all", async () => {
    const server = await startHubspot();
    closeAfterTest(server);
    const system = await startSyncSystem(hubspotConnection(server), { limits: { fullReadSeconds: 1 } });
    afterTest(() => system.close());
    const process = await system.process();
    const [kept, gone] = [server.create({ firstname: "A" }), server.create({ firstname: "B" })];
    await process.replay();
    await process.work();
    server.change(kept, { firstname: "changed" });
    await process.replay();
    await process.work();
    assert.equal((await system.copy(process, kept))?.firstname, "changed");
    server.archive(gone);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await process.replay();
    await process.work();
    assert.equal(await system.copy(process, gone), null);
  });

  test("only clients that were asked for here, where the connection says so", async () => {
    const server = await startHubspot();
    closeAfterTest(server);
    const system = await startSyncSystem(hubspotConnection(server, { clients: "known" }));
    afterTest(() => system.close());
    const process = await system.process();
    const [asked, other] = [server.create({ firstname: "A" }), server.create({ firstname: "B" })];
    const read = await process.service.read(
      system.connection.tenant,
      "hubspot",
      asked,
      new AbortController().signal,
    );
    assert.ok(read !== undefined && read !== "none");
    await process.replay();
    await process.work();
    assert.equal((await system.copy(process, asked))?.firstname, "A");
    assert.equal(await system.copy(process, other), undefined);
  });
});
