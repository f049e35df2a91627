// Records with their inclusion proofs as a file: what the offline verifier takes.
// Tests: test/http/audit-pages.test.ts
import type { ConsoleAnswer } from "express-tenant-cache";
import { withTenant } from "../../../db/tenant-transaction.js";
import { HttpProblem } from "../../../http/problem.js";
import { NotSigned, provenBundle } from "../../audit/bundle.js";
import type { AuditRoutesOptions } from "../../audit/routes/audit-routes.js";

/** Of a file: each record is at most 16 KiB, and mostly far less. */
export const MAX_BUNDLE_RECORDS = 500;

/** @throws HttpProblem 404 where no checkpoint covers the records */
export async function bundleFile(
  { pool, trail }: Pick<AuditRoutesOptions, "pool" | "trail">,
  { tenantId }: { readonly tenantId: string },
  part: { readonly from: number; readonly to: number },
): Promise<ConsoleAnswer> {
  const key = trail.checkpointer?.keys[0];
  if (!key) throw new HttpProblem(404, { detail: "This server signs no checkpoints." });
  try {
    const text = await withTenant(
      pool,
      tenantId,
      async (client) => {
        let lines = "";
        for await (const line of provenBundle({ client, tenantId, key }, part)) lines += line;
        return lines;
      },
      { readOnly: true, anyTenant: true },
    );
    const name = part.to === part.from + 1 ? `record-${part.from}` : `records-${part.from}-to-${part.to - 1}`;
    return { file: `${name}.jsonl`, type: "application/jsonl; charset=utf-8", text };
  } catch (error) {
    if (!(error instanceof NotSigned)) throw error;
    throw new HttpProblem(404, { detail: `There is no proof: ${error.message}.`, cause: error });
  }
}
