// Positions in the database's log: how fences carry them, and when a replica has reached one.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { hasReached, markOf, positionAt, positionOf } from "../../src/feed/log-position.js";
import { changedAtMs, newFence } from "../../src/store/fence-token.js";

test("a fence carries what it has seen, and its time as ever; also on Redis, behind marks of URLs and with a number between", () => {
  const position = positionAt("Ab-_0123456789xy", "18446744073709551615");
  const fence = newFence(17, markOf(position));
  for (const text of [fence, `${fence}~u-1`, fence.replace(".17", "3.17"), `+${fence}`]) {
    assert.deepEqual(positionOf(text), position);
    assert.equal(changedAtMs([text]), 17);
  }
  for (const text of [newFence(17), "", "!", "a@b@.1", "token@short@.1"])
    assert.equal(positionOf(text), undefined);
});

test("a replica has reached what it has replayed", () => {
  assert.equal(hasReached(100n, 100n), true);
  assert.equal(hasReached(99n, 100n), false);
  assert.equal(hasReached(101n, 100n), true);
});

test("a log that stands at the beginning of a segment has been replayed up to the header, and no record lies in that", () => {
  const segment = 16n * 1024n * 1024n;
  assert.equal(hasReached(segment, segment + 40n), true);
  assert.equal(hasReached(segment, segment + 24n), true);
  assert.equal(hasReached(segment, segment + 48n), false);
  assert.equal(hasReached(segment - 8n, segment + 24n), false);
  assert.equal(hasReached(8192n, 8192n + 24n), false, "no page of a log with larger ones");
});
