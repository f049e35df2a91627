// What the kit found: one result for each check of each route.
// Tests: test/integration/verify-routes.test.ts
import type { CheckName } from "./options.js";

export interface CheckResult {
  readonly name: CheckName;
  /** The route's path as it was given. */
  readonly route: string;
  /** `skipped`: what it needs (`mutate`, `outage`) was not given. */
  readonly outcome: "ok" | "failed" | "skipped";
  /** What was seen; where it failed, also what to do about it. */
  readonly details: string;
}

export interface VerifyReport {
  /** No check failed. */
  readonly ok: boolean;
  readonly checks: readonly CheckResult[];
}

/** The failed checks, one a line. */
export function formatFailures(report: VerifyReport): string {
  const failed = report.checks.filter(({ outcome }) => outcome === "failed");
  return failed.map(({ name, route, details }) => `  ${route} [${name}] ${details}`).join("\n");
}
