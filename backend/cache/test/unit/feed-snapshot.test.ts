// Snapshots as text: which transactions one shows, and which below a bound were open.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { hadEnded, openBelow, parseSnapshot } from "../../src/feed/snapshot.js";

describe("a snapshot", () => {
  const snapshot = parseSnapshot("10:20:12,15");

  test("shows what is below xmin, and between xmin and xmax what is not in progress", () => {
    const ended = [9n, 10n, 11n, 12n, 15n, 19n, 20n, 99n].filter((xid) => hadEnded(snapshot, xid));
    assert.deepEqual(ended, [9n, 10n, 11n, 19n]);
    assert.deepEqual(parseSnapshot("7:7:"), { xmin: 7n, xmax: 7n, xip: [] });
  });

  test("has the epoch of ids in it, beyond what a double can tell apart", () => {
    const later = parseSnapshot("9007199254740993:9007199254740995:9007199254740993");
    assert.equal(hadEnded(later, 9007199254740993n), false);
    assert.equal(hadEnded(later, 9007199254740994n), true);
  });

  test("says what was open below a bound, also from xmax on", () => {
    assert.deepEqual(openBelow(snapshot, 15n), [12n]);
    assert.deepEqual(openBelow(snapshot, 22n), [12n, 15n, 20n, 21n]);
    assert.deepEqual(openBelow(snapshot, 12n), []);
  });
});
