// What an answer to a sampled request says beside the one before it: unchanged, changed by an invalidation, or for no reason that was seen.
// Tests: test/integration/advice.test.ts
import type { RouteFigures } from "./route-figures.js";
import { CUT_ANSWER, type SampleColumns } from "./sample-columns.js";
import { textHash } from "./text-hash.js";

/** @param identity hash of what the answer is known by */
export function compareAnswer(
  figures: RouteFigures,
  columns: SampleColumns,
  place: number,
  identity: number,
  caller: string | undefined,
): void {
  const before = columns.answer[place] ?? 0;
  const cuts = columns.cuts[place] ?? 0;
  columns.cuts[place] = cuts & ~CUT_ANSWER;
  const callerHash = caller === undefined ? 0 : textHash(caller) || 1;
  const isOther = callerHash !== 0 && columns.caller[place] !== 0 && callerHash !== columns.caller[place];
  columns.caller[place] = callerHash;
  if (before !== 0 && cuts & CUT_ANSWER) {
    if (before === identity) figures.unchangedRefills++;
    else figures.changedRefills++;
  } else if (before !== 0) {
    const { compared } = figures;
    if (before === identity) {
      compared.same++;
      if (isOther) compared.sameByOther++;
    } else {
      compared.differing++;
      if (isOther) compared.differingByOther++;
      if (columns.earlierAnswer[place] === identity) compared.alternating++;
    }
  }
  if (before === identity) return;
  columns.earlierAnswer[place] = before;
  columns.answer[place] = identity;
}
