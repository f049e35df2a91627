// What is wrong with a route, as its requests and answers say: each warning with how often it was seen.
// Tests: test/integration/advice.test.ts
import type { AdviceWarning, AdviceWarningCode } from "./cache-advice.js";
import type { RouteFigures } from "./route-figures.js";

/** In the order in which they are told. */
const TEXTS: Readonly<Record<AdviceWarningCode, string>> = {
  "scope-missing":
    "answers under one key differ with the caller: give the route a scope, for example scope: (req) => req.auth.userId",
  "vary-missing":
    "answers under one key alternate: something that they depend on is not in the key; name it by scope, vary or varyBy",
  "differs-each-time":
    "no two answers are equal: something in them (a time, a random number) is new each time; take it out, or do not cache",
  "unseen-writes":
    "answers change without an invalidation in this process: another writer (a job, another process) changes the data; have it invalidate, or keep the TTL short",
  "no-tenant":
    "requests have no tenant, so that nothing is cached for them: mount this behind authentication, and check the tenant option",
  "mostly-unstorable": "most answers may not be stored",
};

export const ADVICE_WARNINGS = Object.keys(TEXTS) as readonly AdviceWarningCode[];

/** Fewer comparisons say nothing. */
const FEWEST = 5;
const MOSTLY = 0.5;
const HARDLY = 0.1;

/** @returns whether so many of so many are enough to say that most are so */
export function areMost(count: number, all: number, most = MOSTLY): boolean {
  return count >= FEWEST && count > all * most;
}

export function warningsOf(figures: RouteFigures): AdviceWarning[] {
  const { unstorable, answers, requests } = figures;
  const warnings: AdviceWarning[] = [];
  const warn = (code: AdviceWarningCode, count: number, of: number, more = "") =>
    warnings.push({ code, text: `${TEXTS[code]}${more} (${count} of ${of})`, count, of });
  const found = differences(figures);
  const { same, differing } = figures.compared;
  if (found) warn(found, differing, same + differing);
  let unnamed = 0;
  let refused = 0;
  for (const [reason, count] of unstorable)
    if (NO_TENANT.has(reason)) unnamed += count;
    else refused += count;
  if (areMost(unnamed, requests + unnamed)) warn("no-tenant", unnamed, requests + unnamed);
  // A route that is not looked up has no answers of its own here.
  const all = Math.max(answers, refused);
  if (areMost(refused, all)) warn("mostly-unstorable", refused, all, `: ${reasonsOf(unstorable)}`);
  return warnings;
}

const NO_TENANT: ReadonlySet<string> = new Set(["no-tenant", "async-tenant"]);

function reasonsOf(unstorable: ReadonlyMap<string, number>): string {
  const often = [...unstorable].filter(([reason]) => !NO_TENANT.has(reason));
  often.sort(([, one], [, other]) => other - one);
  return often
    .slice(0, 3)
    .map(([reason]) => reason)
    .join(", ");
}

function differences({ compared }: RouteFigures): AdviceWarningCode | undefined {
  const { same, differing, alternating, sameByOther, differingByOther } = compared;
  if (differing < FEWEST) return undefined;
  const byOther = sameByOther + differingByOther;
  const byOne = same + differing - byOther;
  const differingByOne = differing - differingByOther;
  // Who asks decides: the same caller gets the same, another caller mostly something else.
  if (differingByOther > byOther * MOSTLY && differingByOne <= byOne * HARDLY) return "scope-missing";
  if (same === 0 && alternating === 0) return "differs-each-time";
  if (alternating > differing * HARDLY) return "vary-missing";
  return differing > (same + differing) * HARDLY * HARDLY ? "unseen-writes" : undefined;
}
