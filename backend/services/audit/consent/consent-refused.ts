// The subject's consent does not cover what somebody wants to read for.
// Tests: test/integration/audit-consent.test.ts
import { HttpProblem } from "../../../http/problem.js";
import type { Purpose } from "../audit-event.js";

/** Answered 403, once the refusal is on record. */
export class ConsentRefused extends HttpProblem {
  constructor(purpose: Purpose | undefined) {
    super(403, {
      detail:
        purpose === undefined
          ? "Say what this is to be used for (a purpose of use): without one, no consent covers it. The refusal is on record."
          : `The subject's consent does not cover the purpose ${purpose}. The refusal is on record.`,
    });
  }
}
