// What a request wants data about somebody for: the header Purpose-Of-Use, or the query's `purpose`.
// Tests: test/http/overlay-access.test.ts, test/http/audited-routes.test.ts
import type { Request } from "express";
import * as z from "zod";
import { HttpProblem } from "../../../http/problem.js";
import { PURPOSES, type Purpose } from "../audit-event.js";

/** The header in which a client says what the data is to be used for. */
export const PURPOSE_HEADER = "purpose-of-use";

export const purpose = z.enum(PURPOSES, `must be one of ${PURPOSES.join(", ")}`);

/** @throws HttpProblem 400 where it is none, or the header and the query name two */
export function purposeOf(req: Request): Purpose | undefined {
  const given = [req.get(PURPOSE_HEADER), req.query.purpose].filter((each) => each !== undefined);
  if (given.length === 2 && given[0] !== given[1])
    throw wrongPurpose("differs from the header Purpose-Of-Use");
  const parsed = purpose.optional().safeParse(given[0]);
  if (!parsed.success) throw wrongPurpose(parsed.error.issues[0]?.message ?? "is not valid");
  return parsed.data;
}

function wrongPurpose(message: string): HttpProblem {
  const errors = [{ pointer: "#/purpose", message }];
  return new HttpProblem(400, { detail: "The purpose of use is not valid: see errors.", errors });
}
