// A check: something that was tried, and whether it held.
export interface Check {
  readonly name: string;
  readonly result: "ok" | "failed" | "not checked";
  /** What was seen instead, or why it was not checked. Empty when it is ok. */
  readonly detail: string;
}

/** @param problems what was seen instead; none of them: the check is ok */
export function check(name: string, ...problems: readonly (string | false | undefined)[]): Check {
  const seen = problems.filter((problem) => typeof problem === "string");
  return { name, result: seen.length === 0 ? "ok" : "failed", detail: seen.join("; ") };
}

export function notChecked(name: string, why: string): Check {
  return { name, result: "not checked", detail: why };
}
