// The audit trail cannot take a record: what it was about may not be disclosed.
// Tests: test/integration/audit-trail.test.ts
import { isDatabaseUnavailable } from "../../db/database-errors.js";
import { HttpProblem } from "../../http/problem.js";

/** A record could not be made durable: in time, or at all. */
export class NotDurable extends Error {
  override readonly name = "NotDurable";
}

/** Answered 503: nothing leaves without its record. */
export class AuditUnavailable extends HttpProblem {
  constructor(cause: unknown) {
    super(503, {
      detail: "The audit trail cannot take a record now, and nothing is disclosed without one.",
      headers: { "Retry-After": "1" },
      cause,
      // The database's outage has a line of its own, and so has that of the trail.
      isTold: isDatabaseUnavailable(cause) || cause instanceof NotDurable,
    });
  }
}
