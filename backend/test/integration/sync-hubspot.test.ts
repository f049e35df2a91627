// The HubSpot connector against a local server that behaves as HubSpot's documentation says.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "@jest/globals";
import { closeAfterTest } from "../../servers/in-test.js";
import {
  SourceConflict,
  SourceRefused,
  SourceThrottled,
  SourceUnavailable,
} from "../../services/sync/connector.js";
import { HubspotConnector } from "../../services/sync/hubspot/hubspot-connector.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { accessTo, collected, hubspotConnection, listed, startHubspot } from "../support/crms/sync-system.js";

const never = new AbortController().signal;

describe("HubSpot connector", () => {
  let server: HubspotServer;
  let connector: HubspotConnector;
  beforeEach(async () => {
    server = await startHubspot();
    closeAfterTest(server);
    connector = new HubspotConnector(hubspotConnection(server), accessTo(server, "/oauth/v3/token"));
  });

  test("reads a contact's configured fields with its version; one that is archived or never was is not there", async () => {
    const id = server.create({ email: "ada@example.com", firstname: "Ada", phone: "1", secret: "x" });
    const found = await connector.fetchClient(id, never);
    assert.equal(found?.data.email, "ada@example.com");
    assert.equal(found?.data.secret, undefined);
    assert.equal(found?.version, found?.modifiedAt.toISOString());
    server.archive(id);
    assert.equal(await connector.fetchClient(id, never), undefined);
    assert.equal(await connector.fetchClient("999999", never), undefined);
  });

  test("a batch: found, missing, and failed ones are told apart", async () => {
    const ids = [
      server.create({ firstname: "A" }),
      server.create({ firstname: "B" }),
      server.create({ firstname: "C" }),
    ];
    const [one = "", two = "", three = ""] = ids;
    server.archive(two);
    server.failsInBatch.add(three);
    const read = await connector.fetchClients([one, two, three], never);
    const first = read.get(one);
    assert.ok(first !== undefined && "data" in first && first.data.firstname === "A");
    assert.ok(read.has(two) && read.get(two) === undefined);
    assert.ok(read.get(three) instanceof SourceUnavailable);
    assert.equal(server.count(/batch/), 1);
  });

  test("lists all contacts by pages, each once", async () => {
    const ids = Array.from({ length: 230 }, (_, index) => server.create({ firstname: String(index) }));
    assert.deepEqual(await listed(connector), ids);
    assert.equal(server.count(/^GET .*contacts$/), 3);
  });

  test("changes since a cursor, over several pages of a search; none is left out where it goes on", async () => {
    const [beginning] = await collected(connector.changesSince(undefined, never));
    assert.equal(beginning?.kind, "overflow");
    const ids = Array.from({ length: 450 }, (_, index) => server.create({ firstname: String(index) }));
    const events = await collected(connector.changesSince(beginning?.cursor, never));
    assert.deepEqual(
      events.map(({ crmId }) => crmId),
      ids,
    );
    const cursor = events.at(-1)?.cursor;
    server.change(ids[7] ?? "", { firstname: "again" });
    const later = await collected(connector.changesSince(cursor, never));
    assert.equal(later.at(-1)?.crmId, ids[7]);
    // What is read once more, because the search may lag, is the same event.
    const known = new Set(events.map(({ key }) => key));
    assert.equal(later.filter(({ key }) => !known.has(key)).length, 1);
  });

  test("more than 10,000 changes: the search begins again where its results end", async () => {
    for (let index = 0; index < 10_350; index += 1) server.create({ firstname: String(index) });
    const events = await collected(connector.changesSince("1", never));
    assert.equal(new Set(events.map(({ crmId }) => crmId)).size, 10_350);
  });

  test("writes where the version is as expected, and gives what is then there", async () => {
    const id = server.create({ email: "ada@example.com", firstname: "Ada" });
    const before = await connector.fetchClient(id, never);
    const after = await connector.writeClient(
      id,
      { firstname: "Grace" },
      before?.version ?? "",
      "key-1",
      never,
    );
    assert.equal(after.data.firstname, "Grace");
    assert.notEqual(after.version, before?.version);
    assert.equal(after.version, (await connector.fetchClient(id, never))?.version);
    await assert.rejects(
      connector.writeClient(id, { firstname: "Late" }, before?.version ?? "", "key-2", never),
      (error) => error instanceof SourceConflict && error.theirs?.data.firstname === "Grace",
    );
    assert.equal(server.writes.length, 1);
  });

  test("a change of somebody else between look and write is found in the history, and is not lost", async () => {
    const id = server.create({ firstname: "Ada" });
    const before = await connector.fetchClient(id, never);
    server.beforeWrite = () => {
      server.beforeWrite = undefined;
      server.change(id, { firstname: "Theirs" });
    };
    await assert.rejects(
      connector.writeClient(id, { firstname: "Ours" }, before?.version ?? "", "key", never),
      (error) => error instanceof SourceConflict && error.theirs?.data.firstname === "Theirs",
    );
  });

  test("limits: ten seconds, the day, and Retry-After; meanwhile nothing is sent", async () => {
    const id = server.create({ firstname: "Ada" });
    await connector.fetchClient(id, never);
    server.limit = 1;
    const throttled = (atLeastMs: number, atMostMs: number) => (error: unknown) =>
      error instanceof SourceThrottled && error.retryAfterMs >= atLeastMs && error.retryAfterMs <= atMostMs;
    await assert.rejects(connector.fetchClient(id, never), throttled(10_000, 10_000));
    const sent = server.calls.length;
    await assert.rejects(connector.fetchClient(id, never), throttled(9000, 10_000));
    assert.equal(server.calls.length, sent);

    const other = new HubspotConnector(hubspotConnection(server), accessTo(server, "/oauth/v3/token"));
    server.isDayOver = true;
    await assert.rejects(other.fetchClient(id, never), throttled(900_000, 900_000));
    const third = new HubspotConnector(hubspotConnection(server), accessTo(server, "/oauth/v3/token"));
    server.retryAfter = "7";
    await assert.rejects(third.fetchClient(id, never), throttled(7000, 7000));
  });

  test("half a page, a 502, a reset: unavailable; an expired token is renewed once", async () => {
    const id = server.create({ firstname: "Ada" });
    for (const fault of ["half", "500", "reset"] as const) {
      server.failNext(fault, /contacts/);
      await assert.rejects(connector.fetchClient(id, never), SourceUnavailable, fault);
    }
    assert.ok(await connector.fetchClient(id, never));
    server.expireTokens();
    assert.ok(await connector.fetchClient(id, never));
    assert.equal(server.refreshes, 2);
  });

  test("away: after five failures it is left alone, and found again", async () => {
    const id = server.create({ firstname: "Ada" });
    server.goAway("500");
    for (let time = 0; time < 5; time += 1)
      await assert.rejects(connector.fetchClient(id, never), /unavailable|502|answers/i);
    assert.equal(connector.isAway, true);
    const sent = server.calls.length;
    await assert.rejects(connector.fetchClient(id, never), SourceUnavailable);
    assert.equal(server.calls.length, sent);
    server.comeBack();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.ok(await connector.fetchClient(id, never));
    assert.equal(connector.isAway, false);
  });

  test("erases by GDPR deletion; whoever is not there has been erased", async () => {
    const id = server.create({ firstname: "Ada" });
    await connector.eraseClient(id, never);
    await connector.eraseClient(id, never);
    assert.deepEqual(server.erased, [id]);
  });

  test("what the CRM refuses is not tried as if it were away", async () => {
    const wrong = hubspotConnection(server);
    const refused = new HubspotConnector(wrong, accessTo(server, "/oauth/v3/token"));
    await assert.rejects(
      refused.fetchClients(
        Array.from({ length: 101 }, (_, index) => String(index)),
        never,
      ),
      (error) => error instanceof SourceRefused && error.status === 400 && !error.message.includes("101"),
    );
  });
});
