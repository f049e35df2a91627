// What the first bytes of an entry tell operators, and that nothing is made of what is no entry.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { encodeEntry } from "../../src/codec/entry.js";
import { readBeginning } from "../../src/codec/entry-beginning.js";

const encoded = (identity: string) =>
  Buffer.concat(
    encodeEntry({
      identity,
      fences: "run,a,b",
      createdAt: 1000,
      staleAt: 2000,
      expiresAt: 3000,
      status: 200,
      statusMessage: "OK",
      etag: '"e"',
      headers: [],
      removedHeaders: [],
      body: Buffer.from("secret"),
      variants: [],
    }),
  );

describe("the beginning of an entry", () => {
  test("path, query and scope of a route; no URL of a value", () => {
    const identity = `acme accounts ${JSON.stringify(["", "/accounts", [["q", "a b&c"], ["flag"]], "role", []])}`;
    const beginning = { createdAtMs: 1000, status: 200, url: "/accounts?q=a%20b%26c&flag", scope: "role" };
    assert.deepEqual(readBeginning(encoded(identity)), beginning);
    assert.equal(readBeginning(encoded("acme users profile:1"))?.url, undefined);
  });

  test("what was asked for, where middleware has put another URL in its place", () => {
    const params = ["", "/list", [], "", [], "", "", ["/de/list", [["page", "2"]]]];
    assert.equal(readBeginning(encoded(`acme list ${JSON.stringify(params)}`))?.url, "/de/list?page=2");
  });

  test("a query as it came has its question mark once", () => {
    const identity = `acme list ${JSON.stringify(["", "/list", "?a=1,2", "", []])}`;
    assert.equal(readBeginning(encoded(identity))?.url, "/list?a=1,2");
  });

  test("cut off within the query: the path; what is no entry: nothing", () => {
    const identity = `acme accounts ${JSON.stringify(["", "/accounts", [["q", "x".repeat(900)]], "", []])}`;
    assert.equal(readBeginning(encoded(identity).subarray(0, 300))?.url, "/accounts?…");
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(200, 7), encoded(identity).subarray(0, 20)])
      assert.equal(readBeginning(bytes), undefined);
  });
});
