// HubSpot's v3 signature and what deliveries mean.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { readHubspotWebhook } from "../../services/sync/hubspot/hubspot-webhook.js";
import { CLIENT_SECRET } from "../support/crms/crm-server.js";
import { PORTAL, signed } from "../support/crms/hubspot-messages.js";

const URL = "https://crm.example.com/api/sync/webhooks/33333333-0000-4000-8000-000000000001";
const event = (more: object) => ({
  eventId: 1,
  subscriptionId: 2,
  portalId: PORTAL,
  occurredAt: 1_700_000_000_000,
  subscriptionType: "contact.propertyChange",
  attemptNumber: 0,
  objectId: 42,
  ...more,
});

function read(
  body: string | Buffer,
  headers: Record<string, string>,
  { method = "POST", url = URL, nowMs = Date.now() } = {},
) {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const request = { method, url, rawBody: Buffer.from(body), header: (name: string) => lower.get(name) };
  return readHubspotWebhook(request, CLIENT_SECRET, nowMs);
}

describe("v3 signature", () => {
  const body = JSON.stringify([event({})]);

  test("is over method, URI, raw bytes and time: whatever differs, it is not HubSpot's", () => {
    const headers = signed("POST", URL, body);
    assert.equal(read(body, headers)?.length, 1);
    assert.equal(read(`${body} `, headers), undefined);
    assert.equal(read(body, headers, { method: "PUT" }), undefined);
    assert.equal(read(body, headers, { url: `${URL}?x=1` }), undefined);
    assert.equal(read(body, signed("POST", URL, body, { secret: "another secret" })), undefined);
    assert.equal(
      read(body, { ...headers, "X-HubSpot-Request-Timestamp": String(Date.now() - 1) }),
      undefined,
    );
    for (const missing of ["X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"]) {
      const { [missing]: _, ...rest } = headers;
      assert.equal(read(body, rest), undefined);
    }
    assert.equal(read(body, { ...headers, "X-HubSpot-Signature-v3": "" }), undefined);
    assert.equal(read(body, { ...headers, "X-HubSpot-Signature-v3": "!!!" }), undefined);
  });

  test("is good for five minutes, to either side", () => {
    const nowMs = Date.now();
    for (const [agoMs, isGood] of [
      [299_000, true],
      [301_000, false],
      [-299_000, true],
      [-301_000, false],
    ] as const) {
      const found = read(body, signed("POST", URL, body, { timestamp: nowMs - agoMs }), { nowMs });
      assert.equal(found !== undefined, isGood, String(agoMs));
    }
  });

  test("is over bytes: what is no UTF-8 is compared as it came", () => {
    const bytes = Buffer.concat([
      Buffer.from(body.slice(0, -2)),
      Buffer.from([0xff, 0xfe]),
      Buffer.from("}]"),
    ]);
    const headers = signed("POST", URL, bytes);
    const replaced = Buffer.from(bytes.toString("utf8"));
    assert.equal(read(replaced, headers), undefined);
  });

  test("URIs are signed with their characters decoded, as HubSpot does", () => {
    const url = `${URL}?next=%2Fa%3Ab%40c`;
    const headers = signed("POST", `${URL}?next=/a:b@c`, body);
    assert.equal(read(body, headers, { url })?.length, 1);
  });
});

describe("deliveries", () => {
  const kinds = (...events: object[]) => {
    const body = JSON.stringify(events);
    return read(body, signed("POST", URL, body))?.map(({ kind, crmId }) => `${kind} ${crmId}`);
  };

  test("say which contacts to read, and whom to erase", () => {
    assert.deepEqual(
      kinds(
        event({}),
        event({ subscriptionType: "contact.creation", objectId: 1 }),
        event({ subscriptionType: "contact.deletion", objectId: 2 }),
        event({ subscriptionType: "contact.privacyDeletion", objectId: 3 }),
        event({ subscriptionType: "object.privacyDeletion", objectTypeId: "0-1", objectId: 4 }),
        event({ subscriptionType: "object.creation", objectTypeId: "0-3", objectId: 5 }),
        event({ subscriptionType: "company.creation", objectId: 6 }),
        event({ subscriptionType: "contact.restore", objectId: 7 }),
        event({ subscriptionType: "contact.somethingNew", objectId: 8 }),
      ),
      ["changed 42", "changed 1", "deleted 2", "erased 3", "erased 4", "changed 7", "changed 8"],
    );
  });

  test("of a merge: all that took part are read", () => {
    assert.deepEqual(
      kinds(
        event({
          subscriptionType: "contact.merge",
          objectId: 1,
          primaryObjectId: 1,
          mergedObjectIds: [2, 3],
          newObjectId: 4,
        }),
      ),
      ["changed 4", "changed 1", "changed 2", "changed 3"],
    );
  });

  test("an event that comes again has the same key; two events with one id have two", () => {
    const keys = (more: object) => {
      const body = JSON.stringify([event(more)]);
      return read(body, signed("POST", URL, body))?.[0]?.key;
    };
    assert.equal(keys({}), keys({ attemptNumber: 7 }));
    assert.notEqual(keys({}), keys({ objectId: 43 }));
    assert.notEqual(keys({}), keys({ occurredAt: 1 }));
    assert.notEqual(keys({}), keys({ propertyName: "email" }));
  });

  test("what is no delivery is refused, though it be signed", () => {
    for (const body of [
      "",
      "{}",
      "null",
      "[1]",
      '[{"eventId":1}]',
      "[",
      JSON.stringify([event({ objectId: {} })]),
    ])
      assert.equal(read(body, signed("POST", URL, body)), undefined, body);
  });
});
