// The freshness checker, briefly, with one protection off: a violation, which it sees.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { catching, PROTECTION_NAMES, PROTECTIONS } from "../../freshness/protections.js";
import { formatReport } from "../../freshness/report.js";
import { runStage } from "../../freshness/run-stage.js";
import { STAGES } from "../../freshness/stages.js";
import { BRIEFLY } from "../support/freshness-options.js";

describe("freshness with a protection off", () => {
  for (const protection of PROTECTION_NAMES) {
    test(`without ${protection} there are violations, and they are seen`, async () => {
      const report = await runStage(STAGES[PROTECTIONS[protection].stage], {
        ...BRIEFLY,
        ...catching(protection),
      });
      assert.ok(report.violations > 0, formatReport(report));
    });
  }
});
