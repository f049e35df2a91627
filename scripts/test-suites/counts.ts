// What node's test runner counts, added up over the processes of several files.

/** In the order in which node prints them. */
const COUNTED = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo"] as const;

/** Totals of one or more files. */
export type Counts = Record<(typeof COUNTED)[number], number>;

/** Counts of what ran nothing. */
export const noCounts = (): Counts => ({
  tests: 0,
  suites: 0,
  pass: 0,
  fail: 0,
  cancelled: 0,
  skipped: 0,
  todo: 0,
});

/** Whether it is one of what is counted: node says its total duration in the same form. */
export function isCounted(what: string): what is keyof Counts {
  return (COUNTED as readonly string[]).includes(what);
}

/** Adds the counts of two runs. */
export function addCounts(left: Counts, right: Counts): Counts {
  const sum = noCounts();
  for (const what of COUNTED) sum[what] = left[what] + right[what];
  return sum;
}

/** The closing lines of node's spec reporter. */
export function formatCounts(counts: Counts, durationMs: number): string {
  return [
    ...COUNTED.map((what) => `ℹ ${what} ${counts[what]}`),
    `ℹ duration_ms ${durationMs.toFixed(0)}`,
  ].join("\n");
}
