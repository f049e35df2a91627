// The Salesforce connector against a local server that behaves as Salesforce's documentation says.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "@jest/globals";
import { closeAfterTest } from "../../servers/in-test.js";
import { SourceConflict, SourceThrottled, SourceUnavailable } from "../../services/sync/connector.js";
import { SalesforceConnector } from "../../services/sync/salesforce/salesforce-connector.js";
import type { SalesforceServer } from "../support/crms/salesforce-server.js";
import {
  accessTo,
  collected,
  listed,
  salesforceConnection,
  startSalesforce,
} from "../support/crms/sync-system.js";

const never = new AbortController().signal;
/** Dates there have seconds: what was changed in this one is not settled yet. */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1050 - (Date.now() % 1000)));

describe("Salesforce connector", () => {
  let server: SalesforceServer;
  let connector: SalesforceConnector;
  beforeEach(async () => {
    server = await startSalesforce();
    closeAfterTest(server);
    connector = new SalesforceConnector(
      salesforceConnection(server),
      accessTo(server, "/services/oauth2/token"),
    );
  });
  const collect = (cursor: string | undefined) => collected(connector.changesSince(cursor, never));

  test("reads configured fields with the record's version; what is not there is not", async () => {
    const id = server.create({ FirstName: "Ada", Email: "ada@example.com", Secret__c: "x" });
    await nextSecond();
    const found = await connector.fetchClient(id, never);
    assert.deepEqual(found?.data, { Email: "ada@example.com", FirstName: "Ada", Phone: null });
    assert.match(found?.version ?? "", /^\d{4}-.*\+0000$/);
    assert.equal(await connector.fetchClient("003000000000999AAA", never), undefined);
    assert.equal(await connector.fetchClient("../../query", never), undefined);
  });

  test("a version that another state may have, too, is that of no later reading", async () => {
    const id = server.create({ FirstName: "Ada" });
    const one = await connector.fetchClient(id, never);
    server.change(id, { FirstName: "Grace" });
    await nextSecond();
    const other = await connector.fetchClient(id, never);
    assert.equal(other?.data.FirstName, "Grace");
    assert.notEqual(one?.version, other?.version);
  });

  test("a batch by one request; with an id that is none, the others are read all the same", async () => {
    const [one, two] = [server.create({ FirstName: "A" }), server.create({ FirstName: "B" })];
    const read = await connector.fetchClients([one, "003000000000999AAA", two, "no id"], never);
    const first = read.get(one);
    assert.ok(first !== undefined && "data" in first && first.data.FirstName === "A");
    assert.ok(read.has("003000000000999AAA") && read.get("003000000000999AAA") === undefined);
    assert.ok(read.has("no id") && read.get("no id") === undefined);
    assert.equal(server.count(/composite/), 1);
  });

  test("lists all records by pages of a query", async () => {
    server.pageSize = 20;
    const ids = Array.from({ length: 50 }, (_, index) => server.create({ FirstName: String(index) }));
    const found = await listed(connector);
    assert.deepEqual(found, ids);
    assert.equal(server.count(/query/), 3);
    await assert.rejects(connector.listClients("https://elsewhere.example/", never), /no such page/);
  });

  test("replay: from what is kept, then from the cursor on; one event may be about several records", async () => {
    const [beginning] = await collect(undefined);
    assert.equal(beginning?.kind, "overflow");
    const ids = Array.from({ length: 120 }, (_, index) => server.create({ FirstName: String(index) }));
    const events = await collect(beginning?.cursor);
    assert.deepEqual(
      events.map(({ crmId }) => crmId),
      ids,
    );
    const cursor = events.at(-1)?.cursor;
    server.remove(ids[3] ?? "");
    server.change(ids[4] ?? "", { FirstName: "again" });
    const later = await collect(cursor);
    assert.deepEqual(
      later.map(({ kind, crmId }) => [kind, crmId]),
      [
        ["deleted", ids[3]],
        ["changed", ids[4]],
      ],
    );
    // Read twice, they are the same events.
    assert.deepEqual(
      (await collect(cursor)).map(({ key }) => key),
      later.map(({ key }) => key),
    );
  });

  test("gap events name records, overflow events name none, and events that are gone are an overflow, too", async () => {
    const id = server.create({ FirstName: "Ada" });
    const cursor = (await collect("-2")).at(-1)?.cursor;
    server.changeWithGap(id, { FirstName: "Grace" }, "GAP_UPDATE");
    server.changeWithGap(id, { FirstName: "Mary" }, "GAP_OVERFLOW");
    const events = await collect(cursor);
    assert.deepEqual(
      events.map(({ kind, crmId }) => [kind, crmId]),
      [
        ["changed", id],
        ["overflow", undefined],
      ],
    );
    server.forgetEvents();
    const [lost, ...rest] = await collect(cursor);
    assert.equal(lost?.kind, "overflow");
    assert.deepEqual(rest, []);
    server.change(id, { FirstName: "Joan" });
    assert.deepEqual(
      (await collect(lost?.cursor)).map(({ crmId }) => crmId),
      [id],
    );
  });

  test("a write is conditional on the second, and a record of this second is waited for", async () => {
    const id = server.create({ FirstName: "Ada" });
    await nextSecond();
    const before = await connector.fetchClient(id, never);
    const after = await connector.writeClient(
      id,
      { FirstName: "Grace" },
      before?.version ?? "",
      "key",
      never,
    );
    assert.equal(after.data.FirstName, "Grace");
    await assert.rejects(
      connector.writeClient(id, { FirstName: "Late" }, before?.version ?? "", "key", never),
      (error) => error instanceof SourceConflict && error.theirs?.data.FirstName === "Grace",
    );
    await nextSecond();
    const settled = await connector.fetchClient(id, never);
    server.beforeWrite = () => server.change(id, { Phone: "changed by others" });
    await assert.rejects(
      connector.writeClient(id, { FirstName: "Mary" }, settled?.version ?? "", "key", never),
      (error) => error instanceof SourceConflict && error.theirs?.data.Phone === "changed by others",
    );
    assert.equal(server.writes.length, 1);
  });

  test("403 REQUEST_LIMIT_EXCEEDED asks to wait; another 403 does not", async () => {
    const id = server.create({ FirstName: "Ada" });
    server.isLimitReached = true;
    server.retryAfter = "30";
    await assert.rejects(
      connector.fetchClient(id, never),
      (error) => error instanceof SourceThrottled && error.retryAfterMs === 30_000,
    );
  });

  test("half a page, a 503, a reset are unavailable; a session that ended is renewed", async () => {
    const id = server.create({ FirstName: "Ada" });
    for (const fault of ["half", "500", "reset"] as const) {
      server.failNext(fault, /Contact/);
      await assert.rejects(connector.fetchClient(id, never), SourceUnavailable, fault);
    }
    server.expireTokens();
    assert.ok(await connector.fetchClient(id, never));
  });

  test("erases by deleting, once", async () => {
    const id = server.create({ FirstName: "Ada" });
    await connector.eraseClient(id, never);
    await connector.eraseClient(id, never);
    assert.deepEqual(server.deleted, [id]);
  });
});
