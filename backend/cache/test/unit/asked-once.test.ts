// Requests that were asked before are told from those that were not.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { AskedOnce } from "../../src/express/asked-once.js";

test("a request is asked again from its second time on", () => {
  const asked = new AskedOnce();
  assert.deepEqual(
    ["/a", "/a", "/b", "/a", "/b"].map((name) => asked.again(name)),
    [false, true, false, true, true],
  );
});

test("of a thousand requests none is taken for another one, and each is known the second time", () => {
  const asked = new AskedOnce();
  const names = Array.from({ length: 1000 }, (_, index) => `/leads?page=${index}`);
  assert.equal(names.filter((name) => asked.again(name)).length, 0);
  // Some have taken each other's places meanwhile.
  assert.ok(names.filter((name) => asked.again(name)).length > 950);
});
