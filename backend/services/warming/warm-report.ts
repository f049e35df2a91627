// What a run of the warmer did, as `POST /api/cache/warm`, `npm run warm` and the log tell it.
// Tests: test/http/cache-operations.test.ts, test/faults/warming.test.ts
import type { WarmResult } from "express-tenant-cache";

export interface WarmReport {
  readonly plan: string;
  /** Values and responses that the store holds now. */
  readonly warmed: number;
  readonly failed: number;
  /** Why not all are: the store is away, or the first failure. */
  readonly error: string | null;
}

export function warmReport({ name, done, failed, error, taskErrors: [first] }: WarmResult): WarmReport {
  return { plan: name, warmed: done - failed, failed, error: (error ?? first)?.message ?? null };
}

/** Whether something was to be warmed, and nothing could be: the store or the database is away. */
export function isColdAltogether(reports: readonly WarmReport[]): boolean {
  return reports.every(({ warmed }) => warmed === 0) && reports.some(({ error }) => error !== null);
}
