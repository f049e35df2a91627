// Holds what came out of the suite against the list of expected differences; one test for each group of the suite.
import assert from "node:assert/strict";
import { beforeAll, describe, test } from "@jest/globals";
import type { StoreName } from "../support/caches.js";
import { DIFFERENCES } from "./differences.js";
import { GROUPS, kindOf, runSuite, type Verdict } from "./suite-run.js";

const LISTED: ReadonlySet<string> = new Set(DIFFERENCES.flatMap(({ tests }) => Object.keys(tests)));

/** Declares the tests. A `check` of the suite has no right answer; it only has to be run. */
export function testConformance(store: StoreName): void {
  describe(`the HTTP cache test suite, on the ${store} store`, () => {
    let verdicts: ReadonlyMap<string, Verdict>;
    beforeAll(async () => {
      verdicts = await runSuite(store);
    });

    for (const group of GROUPS) {
      test(group.name, () => {
        const surprises = group.tests.flatMap((suiteTest) => {
          const verdict = verdicts.get(suiteTest.id);
          assert.ok(verdict, `${suiteTest.id} has no verdict`);
          if (verdict.kind === "check") return verdict.wasRun ? [] : [`${suiteTest.id}: was not run`];
          const listed = LISTED.has(suiteTest.id);
          if (verdict.passed === !listed) return [];
          return listed
            ? [`${suiteTest.id} passes: remove it from differences.ts`]
            : [`${suiteTest.id} (${suiteTest.name}): ${verdict.message}`];
        });
        assert.deepEqual(surprises, []);
      });
    }
  });
}

/** How many tests of each kind there are, and how many of them are listed as different. */
export function countByKind(): Record<"required" | "optimal" | "check", { tests: number; listed: number }> {
  const counts = {
    required: { tests: 0, listed: 0 },
    optimal: { tests: 0, listed: 0 },
    check: { tests: 0, listed: 0 },
  };
  for (const suiteTest of GROUPS.flatMap(({ tests }) => tests)) {
    const count = counts[kindOf(suiteTest)];
    count.tests += 1;
    if (LISTED.has(suiteTest.id)) count.listed += 1;
  }
  return counts;
}
