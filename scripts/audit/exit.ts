// How a command of `npm run audit` ends.

export const EXIT = { done: 0, failed: 1, usage: 2, incomplete: 3, invalid: 4 } as const;

export interface Result {
  readonly exitCode: number;
  /** For people, one line each. */
  readonly lines: readonly string[];
  /** For `--json`. */
  readonly data: Readonly<Record<string, unknown>>;
}
