// What `because` is told: which job, or which operator and why.
// Tests: test/unit/refusals/http-options.test.ts, test/integration/causes.test.ts
import * as z from "zod";
import type { Origin } from "../cause-origin.js";
import { tenantId } from "../identifiers.js";
import { parse, registerCall } from "./parse.js";

/** Whose invalidations they are. A job, or what an operator does. */
export interface GivenOrigin {
  /** The name of a job: `"nightly import"`. Absent: it is an operator. */
  readonly job?: string;
  /** Whose work it is; only a pseudonym is kept. `tenant` is whose subject that is. */
  readonly actor?: { readonly tenant: string; readonly subject: string };
  readonly requestId?: string;
  /** Why, in the operator's words; kept as it is, for a day. */
  readonly reason?: string;
}

const text = z.string().min(1).max(200);

/** @internal */
const originSchema = z
  .strictObject({
    job: text.describe('the name of a job, for example "nightly import"').optional(),
    actor: z
      .strictObject({
        tenant: z.string().refine((id) => tenantId(id) !== undefined, {
          error: "write the id of a tenant, as it is in keys",
        }),
        subject: text,
      })
      .optional(),
    requestId: text.optional(),
    reason: text.optional(),
  })
  .refine(({ job, actor, reason }) => job !== undefined || actor !== undefined || reason !== undefined, {
    error: 'write { job: "nightly import" }, or what an operator does it for: { reason: "wrong prices" }',
  });

registerCall("because", 'because({ job: "nightly import" }, () => job())', originSchema);

/**
 * @throws TenantCacheError `ETC_OPTIONS`
 * @internal
 */
export function parseOrigin(
  given: unknown,
  origins: { pseudonym(tenant: string, subject: string): string },
): Origin {
  const { job, actor, requestId, reason } = parse("because", originSchema, given);
  return {
    kind: job === undefined ? "operator" : "job",
    name: job,
    actor: actor && origins.pseudonym(actor.tenant, actor.subject),
    requestId,
    reason,
  };
}
