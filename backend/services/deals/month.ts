// Months of analytics, in UTC: "2026-03".
// Tests: test/http/deals.test.ts
import * as z from "zod";

const MONTH = /^[1-9]\d{3}-(0[1-9]|1[0-2])$/;

export const monthParam = z.strictObject({
  month: z.string().regex(MONTH, 'must be a month such as "2026-03"'),
});

/** The month that a day ("2026-03-31") or a moment is in; `undefined` where there is none. */
export function monthOf(day: unknown): string | undefined {
  const text = day instanceof Date ? day.toISOString() : day;
  return typeof text === "string" ? text.slice(0, 7) : undefined;
}
