// The freshness checker, briefly: no violation with all protections on, and with each one off a violation that it sees.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { tell } from "../../../servers/in-test.js";
import { catching, PROTECTION_NAMES, PROTECTIONS, type Protection } from "../../freshness/protections.js";
import { formatReport } from "../../freshness/report.js";
import { runStage, type StageOptions } from "../../freshness/run-stage.js";
import { STAGES } from "../../freshness/stages.js";

const OPTIONS = {
  seed: 1,
  processes: 3,
  clients: 16,
  writeShare: 0.02,
  faultPauseMs: 200,
  seconds: Infinity,
};
/** How much is done in each stage: not how long it takes, which a busy machine decides. A failover takes some seconds. */
const WORK = {
  failover: { reads: 2000, faultsDone: 2 },
  deferred: { reads: 2000, faultsDone: 6 },
  guarded: { reads: 2000, faultsDone: 5 },
} as const;

/** The longest first: failovers are mostly waiting, which leaves the processor to the other lane. */
const STAGE_NAMES = Object.keys(WORK) as (keyof typeof WORK)[];
const slowestFirst = (left: Protection, right: Protection) =>
  STAGE_NAMES.indexOf(PROTECTIONS[left].stage) - STAGE_NAMES.indexOf(PROTECTIONS[right].stage);

describe("freshness under faults", () => {
  for (const name of STAGE_NAMES) {
    test(`${STAGES[name].name}: no violation`, async () => {
      const options: StageOptions = {
        ...OPTIONS,
        ...WORK[name],
        // Some of the times that Redis hangs are longer, and a busy machine is not.
        budgetMs: 250,
        stopAtViolation: false,
      };
      const report = await runStage(STAGES[name], options);
      tell(formatReport(report));
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
        ...catching(protection),
      });
      assert.ok(report.violations > 0, formatReport(report));
    });
  }
});
