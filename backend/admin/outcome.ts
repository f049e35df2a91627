// What a command has done, and how it ends: for people, for scripts and for the record.
// Tests: test/faults/admin.test.ts

/** Exit codes. What was incomplete is made good by the same command, repeated. */
export const EXIT = { done: 0, failed: 1, usage: 2, incomplete: 3 } as const;

export interface Outcome {
  /** Whether anything is different now: a command that is repeated changes nothing, and succeeds. */
  readonly changed: boolean;
  /** For people, one line each. */
  readonly lines: readonly string[];
  /** For `--json`. May hold secrets that are shown once. */
  readonly data: Readonly<Record<string, unknown>>;
  /** For the record, where the command has made the tenant itself. */
  readonly tenantId?: string;
  /** For the record: ids and names, no secrets. */
  readonly noted?: Readonly<Record<string, unknown>>;
  /** What was done in the database, and has not reached everything that runs. */
  readonly incomplete?: readonly string[];
  /** What the operator should know. */
  readonly notes?: readonly string[];
}

/** An error whose message says what to do. */
export class AdminError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The arguments are wrong: the message says what to write. */
export const wrongArguments = (message: string) => new AdminError(message, EXIT.usage);
