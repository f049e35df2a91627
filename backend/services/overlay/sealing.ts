// Sealing for the overlay: what the vault refuses becomes a problem, and nothing is written about who was erased meanwhile.
// Tests: test/integration/overlay-records.test.ts, test/integration/overlay-erasure.test.ts
import type { PoolClient } from "pg";
import { HttpProblem } from "../../http/problem.js";
import { KeysUnavailable } from "../subjects/key-provider.js";
import { SubjectErased } from "../subjects/subject-key-rows.js";
import { TooManySubjects } from "../subjects/subject-vault.js";
import { ValueTooLarge } from "../subjects/value-bytes.js";
import type { OverlayParts } from "./overlay-parts.js";

export interface Sealed {
  readonly sealed: Buffer;
  /** Pseudonyms of all whom it shows, in their order. */
  readonly subjects: readonly string[];
}

/** @throws HttpProblem 400 above 64 subjects, 410 where one was erased, 413 above the vault's size, 503 where keys are away */
export async function sealed(
  vault: OverlayParts["vault"],
  tenantId: string,
  subjectIds: readonly string[],
  context: string,
  value: unknown,
): Promise<Sealed> {
  const shown = [...new Set(subjectIds)];
  try {
    const bytes = await vault.seal(tenantId, shown, context, value);
    return { sealed: bytes, subjects: await Promise.all(shown.map((id) => vault.pseudonym(tenantId, id))) };
  } catch (error) {
    throw asProblem(error);
  }
}

/**
 * In the transaction of a change about these pseudonyms: an erasure that has begun refuses it, and one that begins waits until the rows are
 * there, to find them.
 * @throws HttpProblem 410
 */
export async function requireNotErased(
  client: PoolClient,
  tenantId: string,
  subjects: readonly string[],
): Promise<void> {
  // The lock of `holdSubject`, together with others who write; in one order for everybody.
  await client.query(
    `SELECT pg_advisory_xact_lock_shared(hashtextextended($1 || ':' || subject, 31))
     FROM (SELECT DISTINCT subject FROM unnest($2::text[]) AS s (subject) ORDER BY 1) AS subjects`,
    [tenantId, subjects],
  );
  // Another statement, and so another snapshot: what was committed while this waited is seen.
  const erased = await client.query(
    "SELECT FROM subject_erasures WHERE tenant_id = $1 AND pseudonym = ANY ($2) LIMIT 1",
    [tenantId, subjects],
  );
  if (erased.rowCount !== 0) throw asProblem(new SubjectErased());
}

function asProblem(error: unknown): unknown {
  if (error instanceof SubjectErased)
    return new HttpProblem(410, { detail: "A person that this is about was erased.", cause: error });
  if (error instanceof TooManySubjects)
    return new HttpProblem(400, { detail: "This shows more than 64 persons.", cause: error });
  if (error instanceof ValueTooLarge)
    return new HttpProblem(413, { detail: "This is larger than what is kept.", cause: error });
  if (error instanceof KeysUnavailable)
    return new HttpProblem(503, {
      detail: "The keys of personal data cannot be had now. Try again.",
      headers: { "Retry-After": "1" },
      cause: error,
    });
  return error;
}
