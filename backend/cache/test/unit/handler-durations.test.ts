// Whether it is worth waiting for a handler, by how long those before it took.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { HandlerDurations } from "../../src/engine/handler-durations.js";

const LIMIT_MS = 5000;

function after(...durationsMs: number[]): number {
  const durations = new HandlerDurations(LIMIT_MS);
  for (const durationMs of durationsMs) durations.add(durationMs);
  return durations.patienceMs();
}

const times = (count: number, durationMs: number) => Array.from({ length: count }, () => durationMs);

describe("how long handlers take", () => {
  test("what is not known is waited for, up to the limit", () => {
    assert.equal(after(), LIMIT_MS);
    assert.equal(after(20), LIMIT_MS);
    assert.equal(after(0), LIMIT_MS);
    assert.equal(after(LIMIT_MS), LIMIT_MS);
  });

  test("one that took longer is enough where no other is known", () => {
    assert.equal(after(LIMIT_MS + 1), 0);
    assert.equal(after(Number.POSITIVE_INFINITY), 0);
  });

  test("as soon as as many were quick again, they are waited for", () => {
    assert.equal(after(6000, 20), LIMIT_MS);
    assert.equal(after(6000, 6000, 20), 0);
  });

  test("a few that took longer among many quick ones do not end the sharing of a route that is a little slower for once", () => {
    assert.equal(after(...times(50, 20), 6000, 6000), LIMIT_MS);
  });

  test("where handlers are of two kinds, those that are not quick are not waited for", () => {
    const patienceMs = after(...times(40, 20), ...times(5, 6000));
    assert.ok(patienceMs >= 20 && patienceMs < 100, String(patienceMs));
    assert.equal(after(...times(40, 20), ...times(5, 6000), ...times(6, 3000)), LIMIT_MS);
  });

  test("old runs count less and less", () => {
    assert.equal(after(...times(60, 6000), ...times(200, 20), ...times(20, 3000)), LIMIT_MS);
    assert.equal(after(...times(60, 20), ...times(400, 6000)), 0);
  });
});
