// How a command ends: exit codes, and which failure has which.
// Tests: test/integration/cli-usage.test.ts
import { TenantCacheError, type TenantCacheErrorCode } from "../errors.js";

export const EXIT = {
  done: 0,
  /** Something is wrong with what was looked at, or is not confirmed. */
  finding: 1,
  /** Wrong arguments, or something is not installed. */
  usage: 2,
  unreachable: 3,
  refused: 4,
  /** EX_SOFTWARE of sysexits.h. */
  mistake: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const CODES: Partial<Record<TenantCacheErrorCode, ExitCode>> = {
  ETC_CLI_UNREACHABLE: EXIT.unreachable,
  ETC_CLI_REFUSED: EXIT.refused,
  ETC_STORE_AWAY: EXIT.unreachable,
};

/** What the user can mend is told in a line; all else is a mistake of the program's own. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof TenantCacheError)) return EXIT.mistake;
  return CODES[error.code] ?? EXIT.usage;
}

export function wrongArguments(message: string): TenantCacheError {
  return new TenantCacheError("ETC_CLI_ARGUMENTS", message);
}

export function unreachable(message: string, cause?: unknown): TenantCacheError {
  return new TenantCacheError("ETC_CLI_UNREACHABLE", message, { cause });
}

export function refused(message: string, cause?: unknown): TenantCacheError {
  return new TenantCacheError("ETC_CLI_REFUSED", message, { cause });
}
