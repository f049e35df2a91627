// The freshness checker, briefly: no violation with all protections on.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { tell } from "../../../servers/in-test.js";
import { formatReport } from "../../freshness/report.js";
import { runStage, type StageOptions } from "../../freshness/run-stage.js";
import { STAGES } from "../../freshness/stages.js";
import { BRIEFLY } from "../support/freshness-options.js";

/** How much is done in each stage: not how long it takes, which a busy machine decides. A failover takes some seconds. */
const WORK = {
  failover: { reads: 2000, faultsDone: 2 },
  deferred: { reads: 2000, faultsDone: 6 },
  guarded: { reads: 2000, faultsDone: 5 },
  leased: { reads: 4000, faultsDone: 8 },
  "leased-guarded": { reads: 2000, faultsDone: 6 },
  "leased-failover": { reads: 2000, faultsDone: 3 },
} as const;

const STAGE_NAMES = Object.keys(WORK) as (keyof typeof WORK)[];

describe("freshness under faults", () => {
  for (const name of STAGE_NAMES) {
    test(`${STAGES[name].name}: no violation`, async () => {
      const options: StageOptions = {
        ...BRIEFLY,
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
});
