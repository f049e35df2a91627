// What the log says of a store that goes away and comes back, on a clock that the test turns.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, jest, test } from "@jest/globals";
import { BackOff } from "../../src/back-off.js";
import { Outages } from "../../src/engine/outages.js";

const SECOND_MS = 1000;

describe("outages", () => {
  let lines: string[];
  let outages: Outages;

  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    const log = (line: string) =>
      void lines.push(line.replace(/^express-tenant-cache: /, "").replace(/[\d.]+ s/, "n s"));
    outages = new Outages({ info: log, warn: log, error: log }, new BackOff(50, 2000), {
      later: (delayMs, run) => setTimeout(run, delayMs),
      clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
    });
  });
  afterEach(() => {
    outages.stop();
    jest.useRealTimers();
  });

  const away = (reason: string) => `store away (${reason}); requests go to their handlers`;
  const back = (replayed = 0) => `store back after n s; ${replayed} pending invalidations replayed`;
  const pass = (ms: number) => jest.advanceTimersByTime(ms);

  test("one line when it goes, one when it is back", () => {
    outages.began("no answer within 50 ms");
    assert.deepEqual(lines, [away("no answer within 50 ms")]);
    pass(60 * SECOND_MS);
    outages.ended(3);
    assert.deepEqual(lines.slice(1), [back(3)]);
    assert.equal(outages.reason, undefined);
  });

  test("a connection that is gone is told with the reason that the next attempt meets", () => {
    outages.began(undefined);
    pass(100);
    assert.deepEqual(lines, []);
    assert.equal(outages.reason, "connection closed");
    outages.explained("WRONGPASS invalid username-password pair");
    assert.deepEqual(lines, [away("WRONGPASS invalid username-password pair")]);
  });

  test("or, where none is met, without one", () => {
    outages.began(undefined);
    pass(SECOND_MS);
    assert.deepEqual(lines, [away("connection closed")]);
    const blip = lines.length;
    outages.ended(0);
    pass(60 * SECOND_MS);
    outages.began(undefined);
    outages.ended(1);
    assert.deepEqual(
      lines.slice(blip),
      [back(), away("connection closed"), back(1)],
      "also one that is soon over",
    );
  });

  test("what only looked like an outage is not told", () => {
    outages.began("WRONGTYPE", false);
    outages.ended(0);
    pass(60 * SECOND_MS);
    assert.deepEqual(lines, []);
    outages.began("WRONGTYPE", false);
    outages.explained("NOPERM");
    assert.deepEqual(lines, [away("NOPERM")], "unless the probe finds it so");
  });

  test("a reason that every attempt says again stays: what to do about a distance is told", () => {
    outages.began("no answer within 50 ms");
    for (let attempt = 0; attempt < 6; attempt++) {
      outages.explained(`no answer within 50 ms; the last probe took ${60 + attempt} ms: raise budgetMs`);
      pass(SECOND_MS);
    }
    assert.deepEqual(lines.slice(1), [
      "store still away (no answer within 50 ms; the last probe took 64 ms: raise budgetMs)",
    ]);
  });

  test("another reason is told if it stays, and numbers make no other reason", () => {
    outages.began("connect ECONNREFUSED 127.0.0.1:6379");
    outages.explained("connect ECONNREFUSED 127.0.0.1:6380");
    pass(60 * SECOND_MS);
    outages.explained("LOADING");
    pass(SECOND_MS);
    outages.explained("WRONGPASS");
    pass(6 * SECOND_MS);
    assert.deepEqual(lines.slice(1), ["store still away (WRONGPASS)"]);
    outages.explained("LOADING");
    outages.ended(0);
    pass(60 * SECOND_MS);
    assert.deepEqual(lines.slice(2), [back()], "none that was over before it was told");
  });

  test("one that comes and goes for the same reason: told as away until it has stayed", () => {
    for (let round = 0; round < 100; round++) {
      outages.began("MISCONF");
      pass(100);
      outages.ended(1);
      pass(100);
    }
    assert.deepEqual(lines, [away("MISCONF"), back(1), away("MISCONF, not for the first time")]);
    pass(20 * SECOND_MS);
    assert.deepEqual(lines.slice(3), [back(99)]);
  });

  test("connections that are lost again and again without a word: told at the third", () => {
    for (let round = 0; round < 100; round++) {
      outages.began(undefined);
      pass(50);
      outages.ended(0);
      pass(50);
    }
    assert.deepEqual(lines, [
      away("connection closed"),
      back(),
      away("connection closed, not for the first time"),
    ]);
  });

  test("the pause before it is tried grows with each return, and starts anew after a steady time", () => {
    const pauses: number[] = [];
    for (let round = 0; round < 8; round++) {
      outages.began("OOM");
      pauses.push(outages.nextProbeMs(false));
      pass(10);
      outages.ended(0);
      pass(10);
    }
    assert.deepEqual(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    outages.began("OOM");
    assert.notEqual(outages.nextProbeMs(true), 0, "a new connection is no reason to hurry, either");
    outages.ended(0);
    pass(10 * SECOND_MS);
    outages.began("OOM");
    assert.equal(outages.nextProbeMs(true), 0);
    assert.equal(outages.nextProbeMs(false), 50);
  });

  test("another outage soon after is one of its own", () => {
    outages.began("no answer within 50 ms");
    outages.ended(0);
    outages.began("connect ECONNREFUSED");
    outages.ended(0);
    assert.deepEqual(lines, [away("no answer within 50 ms"), back(), away("connect ECONNREFUSED"), back()]);
  });
});
