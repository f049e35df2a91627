// What `doctor` finds: how bad it is, what it means, and what to write.
// Tests: test/unit/cli-doctor.test.ts

export const SEVERITIES = ["error", "warning", "info", "ok"] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  /** Stable: `maxmemory`, `acl-zadd`. */
  readonly id: string;
  readonly severity: Severity;
  /** `host:port`; `null`: of all together. */
  readonly node: string | null;
  readonly says: string;
  /** What follows from it. Absent where all is well. */
  readonly means?: string | undefined;
  /** What to write, and where. */
  readonly write?: string | undefined;
  /** Of missing rights. */
  readonly commands?: readonly string[] | undefined;
}
