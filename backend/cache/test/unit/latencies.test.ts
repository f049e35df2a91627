// Durations in buckets: each in its own, with their sum, and nothing before somebody wants to know.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { BUCKET_SECONDS, Latencies, microsSince } from "../../src/engine/latencies.js";

describe("latencies", () => {
  test("nothing is measured until they are switched on", () => {
    const latencies = new Latencies();
    assert.equal(latencies.begin(), 0);
    latencies.took("hit", 5);
    latencies.end("hit", latencies.begin());
    assert.equal(latencies.figures("hit").count, 0);
  });

  test("what began before they were switched on is not counted", () => {
    const latencies = new Latencies();
    const begun = latencies.begin();
    latencies.switchOn();
    latencies.end("hit", begun);
    assert.equal(latencies.figures("hit").count, 0);
    latencies.end("hit", latencies.begin());
    assert.equal(latencies.figures("hit").count, 1);
  });

  test("a bound belongs to its own bucket, and what is above the last has one more", () => {
    const latencies = new Latencies();
    latencies.switchOn();
    for (const seconds of BUCKET_SECONDS) latencies.took("store", seconds * 1000);
    latencies.took("store", 11_000);
    const { buckets, count, sumSeconds } = latencies.figures("store");
    assert.deepEqual(Array.from(buckets), new Array(BUCKET_SECONDS.length + 1).fill(1));
    assert.equal(count, BUCKET_SECONDS.length + 1);
    const sum = BUCKET_SECONDS.reduce((total, seconds) => total + seconds, 11);
    assert.ok(Math.abs(sumSeconds - sum) < 1e-6, String(sumSeconds));
    assert.equal(latencies.figures("hit").count, 0, "of this kind alone");
  });

  test("a difference is right across the wrap of the clock", () => {
    const now = -microsSince(0) | 0;
    // A thousand microseconds ago, on the other side of it or not.
    const elapsed = microsSince((-now - 1000) | 0);
    assert.ok(elapsed >= 1000 && elapsed < 1_000_000, String(elapsed));
  });

  test("a listener is told of each, in seconds", () => {
    const latencies = new Latencies();
    const told: [string, number][] = [];
    latencies.switchOn((what, seconds) => told.push([what, seconds]));
    latencies.took("miss", 250);
    latencies.end("hit", latencies.begin());
    assert.deepEqual(told[0], ["miss", 0.25]);
    assert.equal(told[1]?.[0], "hit");
  });
});
