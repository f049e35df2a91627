// The freshness checker, briefly: no violation with all protections on, and with each one off a violation that it sees.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  catching,
  PROTECTION_NAMES,
  PROTECTIONS,
  type Protection,
} from "../../../scripts/check-freshness/protections.js";
import { formatReport } from "../../../scripts/check-freshness/report.js";
import { runStage, type StageOptions } from "../../../scripts/check-freshness/run-stage.js";
import { STAGES } from "../../../scripts/check-freshness/stages.js";

const OPTIONS = { seed: 1, processes: 3, clients: 16, writeShare: 0.02, faultPauseMs: 200 };
/** A failover takes some seconds. */
const SECONDS = { failover: 4, deferred: 5, guarded: 4 } as const;
const CATCH_WITHIN_SECONDS = 60;

/** The longest first: failovers are mostly waiting, which leaves the processor to the other lane. */
const STAGE_NAMES = Object.keys(SECONDS) as (keyof typeof SECONDS)[];
const slowestFirst = (left: Protection, right: Protection) =>
  STAGE_NAMES.indexOf(PROTECTIONS[left].stage) - STAGE_NAMES.indexOf(PROTECTIONS[right].stage);

describe("freshness under faults", { concurrency: 2 }, () => {
  for (const name of STAGE_NAMES) {
    test(`${STAGES[name].name}: no violation`, async (t) => {
      const options: StageOptions = {
        ...OPTIONS,
        reads: Number.POSITIVE_INFINITY,
        seconds: SECONDS[name],
        stopAtViolation: false,
      };
      const report = await runStage(STAGES[name], options);
      t.diagnostic(formatReport(report));
      assert.equal(report.violations, 0, formatReport(report));
      assert.equal(report.counts.failed, 0, "every request to a backend that lives is answered");
      assert.ok(report.counts.hits > 0 && report.counts.writes > 0, "there was something to find");
      assert.ok(report.faults.length > 0, "faults were done");
    });
  }
  for (const protection of PROTECTION_NAMES.toSorted(slowestFirst)) {
    test(`without ${protection} there are violations, and they are seen`, async () => {
      const report = await runStage(STAGES[PROTECTIONS[protection].stage], {
        ...OPTIONS,
        reads: Number.POSITIVE_INFINITY,
        seconds: CATCH_WITHIN_SECONDS,
        ...catching(protection),
      });
      assert.ok(report.violations > 0, formatReport(report));
    });
  }
});
