// The freshness checker on the feed, briefly: no read is older than COMMIT + x, and with a protection off some are, which it sees.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { tell } from "../../../servers/in-test.js";
import { FEED_FAULT_NAMES } from "../../freshness/feed-faults.js";
import { FEED_PROTECTION_NAMES } from "../../freshness/feed-protections.js";
import { catchingFeed, formatFeedReport, runFeedStage } from "../../freshness/feed-stage.js";

const BRIEFLY = { seed: 1, processes: 2, clients: 8, maxDelayMs: 250, seconds: Infinity };

describe("writes past the API, under faults", () => {
  test("no read that begins x after a COMMIT shows what was before it", async () => {
    const work = { reads: 800, faultsDone: FEED_FAULT_NAMES.length, faultPauseMs: 400, longestMs: 1500 };
    const report = await runFeedStage({ ...BRIEFLY, ...work, stopAtViolation: false });
    tell(formatFeedReport(report));
    assert.deepEqual(report.violations, [], formatFeedReport(report));
    assert.ok(report.hits > 0 && report.contested > 0, "there was something to find");
    assert.equal(Object.keys(report.faults).length, FEED_FAULT_NAMES.length, "each fault was done");
    assert.ok(Object.keys(report.writes).length > 8, "writes of many kinds");
  });

  for (const without of FEED_PROTECTION_NAMES) {
    test(`without ${without} some do, and it is seen`, async () => {
      const report = await runFeedStage({ ...BRIEFLY, ...catchingFeed(without) });
      assert.ok(report.violations.length > 0, formatFeedReport(report));
    });
  }
});
