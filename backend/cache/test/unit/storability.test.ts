// Storability: which answers may be stored, for how long, and what of earlier middleware does not count (RFC 9111 sections 3, 4.2 and 5).
import assert from "node:assert/strict";
import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { describe, test } from "@jest/globals";
import type { Response } from "express";
import { setClock } from "../../../servers/in-test.js";
import { declaredLength, judge, type StorabilityRules } from "../../src/express/storability.js";

const RULES: StorabilityRules = {
  statuses: [200, 404],
  vary: ["accept"],
  ttlSeconds: 180,
  storesPrivate: false,
  maxBodyBytes: 100,
};
const NOW_MS = Date.UTC(2026, 0, 1);
const dateIn = (seconds: number) => new Date(NOW_MS + seconds * 1000).toUTCString();

interface Given {
  readonly status?: number;
  /** Set in front of the cache. */
  readonly before?: OutgoingHttpHeaders;
  /** Set by the handler. */
  readonly set?: OutgoingHttpHeaders;
  readonly bodyBytes?: number;
  readonly rules?: Partial<StorabilityRules>;
}

function responseOf({ status = 200, before = {}, set = {} }: Given): Response {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  res.statusCode = status;
  for (const [name, value] of Object.entries({ ...before, ...set })) res.setHeader(name, value ?? "");
  return res as Response;
}

function judged(given: Given) {
  const earlier = responseOf({ before: given.before ?? {} }).getHeaders();
  return judge(responseOf(given), earlier, { ...RULES, ...given.rules }, given.bodyBytes);
}

describe("storability", () => {
  test("what is stored, and what is not", () => {
    const cases: readonly [given: Given, storable: boolean][] = [
      [{}, true],
      [{ status: 404 }, true],
      [{ status: 500 }, false],
      [{ bodyBytes: 100 }, true],
      [{ bodyBytes: 101 }, false],
      [{ bodyBytes: Number.NaN }, false],
      [{ set: { "Transfer-Encoding": " Chunked" } }, true],
      [{ set: { "Transfer-Encoding": "gzip, chunked" } }, false],
      [{ set: { "Content-Type": "text/event-stream; charset=utf-8" } }, false],
      [{ set: { "Content-Type": "text/event-streams" } }, true],
      [{ set: { "Set-Cookie": ["a=1"] } }, false],
      [{ before: { "Set-Cookie": ["a=1"] } }, true],
      [{ before: { "Set-Cookie": ["a=1"] }, set: { "Set-Cookie": ["a=1", "b=2"] } }, false],
      [{ set: { "Content-Range": "bytes 0-1/2" } }, false],
      [{ set: { Trailer: "X-Sum" } }, false],
      [{ set: { ETag: '"a"' } }, true],
      [{ set: { ETag: "two words" } }, false],
      [{ set: { "Cache-Control": "no-store" } }, false],
      [{ set: { "Cache-Control": "PRIVATE" } }, false],
      [{ set: { "Cache-Control": 'no-cache="X"' } }, false],
      [{ before: { "Cache-Control": "no-store" } }, true],
      [{ set: { "Cache-Control": "must-understand, max-age=9" } }, true],
      [{ status: 299, set: { "Cache-Control": "must-understand" }, rules: { statuses: [299] } }, false],
    ];
    for (const [given, storable] of cases)
      assert.equal(judged(given).storable, storable, JSON.stringify(given));
  });

  test("a header that answers vary by must be declared, unless somebody in front has named it", () => {
    const undeclared = (given: Given) => {
      const storability = judged(given);
      return storability.storable ? "stored" : storability.undeclaredVary;
    };
    assert.equal(undeclared({ set: { Vary: "Accept" } }), "stored");
    assert.equal(undeclared({ set: { Vary: "accept, Cookie, X-Role" } }), "Cookie, X-Role");
    assert.equal(undeclared({ set: { Vary: "*" } }), "*");
    assert.equal(undeclared({ before: { Vary: "Origin" }, set: { Vary: "Origin, Accept" } }), "stored");
    const coded = { "Content-Encoding": "br" };
    assert.equal(undeclared({ set: coded }), "stored");
    // Chosen for one client, although somebody in front had named the header first.
    const named = { before: { Vary: "Accept-Encoding" }, set: coded };
    assert.equal(undeclared(named), "Accept-Encoding");
    assert.equal(undeclared({ ...named, rules: { vary: ["accept-encoding"] } }), "stored");
    const allowed = { "Access-Control-Allow-Origin": "https://one.example" };
    assert.equal(undeclared({ before: { Vary: "Origin" }, set: allowed }), "Origin");
    assert.equal(undeclared({ before: allowed }), "stored");
    assert.equal(undeclared({ set: { "Access-Control-Allow-Origin": "*" } }), "stored");
    assert.equal(undeclared({ set: allowed, rules: { vary: ["origin"] } }), "stored");
  });

  test("how long: the least of the route's TTL and of what the handler says, less the age that it says or shows", () => {
    setClock(NOW_MS);
    const times = (set: OutgoingHttpHeaders, before: OutgoingHttpHeaders = {}) => {
      const storability = judged({ set, before });
      return storability.storable ? [storability.ttlSeconds, storability.ageSeconds] : undefined;
    };
    assert.deepEqual(times({}), [180, 0]);
    assert.deepEqual(times({ "Cache-Control": "max-age=100" }), [100, 0]);
    assert.deepEqual(times({ "Cache-Control": "max-age=1000" }), [180, 0]);
    assert.deepEqual(times({ "Cache-Control": "max-age=10, s-maxage=20" }), [20, 0]);
    assert.deepEqual(
      times({ "Cache-Control": "max-age=10, max-age=20" }),
      [10, 0],
      "the first of two counts",
    );
    assert.deepEqual(times({ "Cache-Control": "max-age=10", Expires: "0" }), [10, 0]);
    assert.deepEqual(times({ Expires: dateIn(30) }), [30, 0]);
    // Expires counts from the date that the answer says it was made at.
    assert.deepEqual(times({ Expires: dateIn(30), Date: dateIn(-10) }), [40, 10]);
    assert.deepEqual(times({ Age: "20" }), [180, 20]);
    assert.deepEqual(times({ Age: "20", Date: dateIn(-30) }), [180, 30]);
    assert.deepEqual(times({ Age: "none", Date: dateIn(30) }), [180, 0]);
    // Said in front of the cache, of every answer.
    assert.deepEqual(times({}, { "Cache-Control": "max-age=10", Age: "5", Expires: "0" }), [180, 0]);
    for (const over of [
      { "Cache-Control": "max-age=0" },
      { "Cache-Control": 'max-age="x"' },
      { "Cache-Control": "max-age=20", Age: "20" },
      { Expires: "0" },
      { Expires: dateIn(-1) },
      { Expires: dateIn(30), Date: dateIn(-200) },
    ])
      assert.equal(times(over), undefined, JSON.stringify(over));
    assert.deepEqual(times({ "Cache-Control": "public, max-age=0" }), [180, 0], "what sendFile always says");
  });

  test("whether it may be served stale", () => {
    const mayBeStale = (cacheControl: string) => {
      const storability = judged({ set: { "Cache-Control": cacheControl } });
      return storability.storable && storability.mayBeStale;
    };
    assert.equal(mayBeStale("max-age=9"), true);
    for (const forbids of ["must-revalidate", "proxy-revalidate", "s-maxage=9"])
      assert.equal(mayBeStale(`max-age=9, ${forbids}`), false, forbids);
  });

  test("the declared length: none, a number, or what is none", () => {
    assert.equal(declaredLength(responseOf({})), undefined);
    assert.equal(declaredLength(responseOf({ set: { "Content-Length": "7" } })), 7);
    assert.ok(Number.isNaN(declaredLength(responseOf({ set: { "Content-Length": "x" } }))));
  });
});
