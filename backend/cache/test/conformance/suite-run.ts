// Runs the public HTTP cache test suite against the cache on one store, and tells what came out of each test.
import { getResults, runTests, type SuiteResult } from "http-cache-tests/client/runner.mjs";
import suite, { type SuiteGroup, type SuiteTest } from "http-cache-tests/tests/index.mjs";
import surrogateControl from "http-cache-tests/tests/surrogate-control.mjs";
import { openCache, type StoreName } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { IDENTITY, mountSuite } from "./suite-app.js";

/** As the suite's own command line has it: Surrogate-Control is a group of its own. */
export const GROUPS: readonly SuiteGroup[] = [...suite, surrogateControl];

export type Kind = NonNullable<SuiteTest["kind"]>;

export interface Verdict {
  readonly kind: Kind;
  readonly wasRun: boolean;
  readonly passed: boolean;
  /** Why not; empty where it passed. */
  readonly message: string;
}

// Each test waits for seconds and is independent of the others: all at once.
const TESTS_AT_ONCE = GROUPS.flatMap(({ tests }) => tests).length;

// The suite is about what is answered, not how fast: a busy machine must not turn a hit into a bypass.
const BUDGET_MS = 10_000;

export const kindOf = ({ kind = "required" }: SuiteTest): Kind => kind;

/** By test id. Once in a process. */
export async function runSuite(store: StoreName): Promise<ReadonlyMap<string, Verdict>> {
  const cache = await openCache(store, { ...IDENTITY, budgetMs: BUDGET_MS });
  try {
    const app = await serve((express) => mountSuite(express, cache));
    try {
      await runTests(GROUPS, fetch, false, app.url, TESTS_AT_ONCE);
    } finally {
      await app.close();
    }
  } finally {
    await cache.close();
  }
  return verdictsOn(getResults());
}

/** As the suite counts: a test means nothing where one that it depends on has not passed. */
function verdictsOn(results: Readonly<Record<string, SuiteResult>>): ReadonlyMap<string, Verdict> {
  const tests = new Map(GROUPS.flatMap((group) => group.tests.map((test) => [test.id, test])));
  const reasonAgainst = (id: string): string => {
    const result = results[id];
    if (result === undefined) return "was not run";
    if (result !== true) return result.join(": ");
    const unmet = tests.get(id)?.depends_on?.find((dependency) => reasonAgainst(dependency) !== "");
    return unmet === undefined ? "" : `depends on ${unmet}, which has not passed`;
  };
  return new Map(
    [...tests].map(([id, test]) => {
      const message = reasonAgainst(id);
      return [id, { kind: kindOf(test), wasRun: results[id] !== undefined, passed: message === "", message }];
    }),
  );
}
