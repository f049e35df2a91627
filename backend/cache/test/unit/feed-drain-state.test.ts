// What a turn of the drain concludes: when everything is cut off, and until when transactions are watched that were not noted.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { conclude, type DrainState, isContinued, readState } from "../../src/feed/drain-state.js";
import type { Glimpse } from "../../src/feed/feed-queries.js";
import { epochOf, isUncovered, versionIn, versionPart } from "../../src/feed-epoch.js";

const STATE: DrainState = {
  server: "1 100",
  marker: "mine",
  last: "10:10:",
  overflows: "1 false",
  epoch: "e.1",
  uncovered: [],
};
const GLIMPSE: Glimpse = {
  server: "1 100",
  marker: "mine",
  snapshot: "12:12:",
  overflows: "1 false",
  changes: [],
};

describe("a state is continued", () => {
  test("in one life of the server, by the one whose marker is there", () => {
    assert.equal(isContinued(STATE, GLIMPSE), true);
    assert.equal(isContinued(STATE, { ...GLIMPSE, server: "1 200" }), false);
    assert.equal(isContinued(STATE, { ...GLIMPSE, marker: null }), false);
    assert.equal(isContinued(undefined, GLIMPSE), false);
    for (const text of [null, "", "{}", "[", '{"last":"x"}']) assert.equal(readState(text), undefined);
    assert.deepEqual(readState(JSON.stringify(STATE)), STATE);
  });
});

test("a state is not continued where transactions go backwards: the machine's memory was put back", () => {
  const state = { ...STATE, last: "10:14:10,12" };
  for (const snapshot of ["10:14:10,12", "10:14:10", "13:20:13"])
    assert.equal(isContinued(state, { ...GLIMPSE, snapshot }), true, snapshot);
  for (const snapshot of ["10:13:10", "9:14:9", "4294967295:4294967295:"])
    assert.equal(isContinued(state, { ...GLIMPSE, snapshot }), snapshot.startsWith("4"), snapshot);
});

describe("everything is cut off", () => {
  const causeOf = (glimpse: Partial<Glimpse>, uncovered: string[] = [], state = STATE) =>
    conclude(state, { ...GLIMPSE, ...glimpse }, uncovered).cause;

  test("where changes cannot be told one by one", () => {
    assert.equal(causeOf({}), undefined);
    assert.equal(causeOf({ changes: undefined }), "too-many");
    assert.equal(causeOf({ changes: [{ tenant: "*", module: "m", tag: "", xids: ["1"] }] }), "all-tenants");
    assert.equal(causeOf({ overflows: "5 true" }), "overflow");
    assert.equal(causeOf({}, ["accounts"]), "coverage");
    assert.equal(causeOf({}, [], { ...STATE, uncovered: ["accounts"] }), "coverage");
  });

  test("whenever a transaction ends that was open at an overflow, until none is left", () => {
    const state = { ...STATE, watch: { below: "15" } };
    const first = conclude(state, { ...GLIMPSE, snapshot: "11:14:11" }, []);
    assert.equal(first.cause, "unnoted");
    assert.deepEqual(first.watch, { below: "15", open: ["11", "14"] });
    const same = conclude(
      { ...STATE, watch: first.watch as never },
      { ...GLIMPSE, snapshot: "11:14:11" },
      [],
    );
    assert.equal(same.cause, undefined);
    const ended = conclude(
      { ...STATE, watch: first.watch as never },
      { ...GLIMPSE, snapshot: "11:16:11" },
      [],
    );
    assert.equal(ended.cause, "unnoted");
    const last = conclude({ ...STATE, watch: ended.watch as never }, { ...GLIMPSE, snapshot: "16:16:" }, []);
    assert.equal(last.cause, "unnoted");
    assert.equal(last.watch, undefined);
  });
});

test("an epoch names the modules that are not covered, and is a fence as any other", () => {
  const epoch = epochOf("abc", ["accounts", "leads"], 17);
  assert.equal(epoch, "abc!accounts!leads.17");
  assert.equal(isUncovered(epoch, ["leads"]), true);
  assert.equal(isUncovered(epoch, ["abc", "orders"]), false);
  assert.equal(isUncovered(epochOf("abc", [], 17), ["abc"]), false);
  assert.equal(versionIn(epoch), undefined);
  const versioned = epochOf("abc", [versionPart("17f"), "leads"], 17);
  assert.equal(versionIn(versioned), "17f");
  assert.equal(isUncovered(versioned, ["leads"]), true);
  assert.equal(isUncovered(versioned, ["accounts"]), false);
});
