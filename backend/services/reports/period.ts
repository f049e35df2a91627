// Periods of reports: a day ("2026-03-31") or a month ("2026-03"), in UTC.
// Tests: test/http/services.test.ts
import * as z from "zod";
import { day } from "../../modules/field-types.js";
import { addDays, monthOf } from "../views/calendar.js";

const MONTH = /^[1-9]\d{3}-(0[1-9]|1[0-2])$/;
const MESSAGE = 'must be a day such as "2026-03-31" or a month such as "2026-03"';

export const period = () => z.union([day(), z.string().regex(MONTH)], MESSAGE);

export interface PeriodBounds {
  /** First moment. */
  readonly from: string;
  /** First moment after it. */
  readonly until: string;
}

export function boundsOf(period: string): PeriodBounds {
  const isMonth = MONTH.test(period);
  const first = isMonth ? `${period}-01` : period;
  // 32 days after the first is some day of the next month.
  const next = isMonth ? `${monthOf(addDays(first, 32))}-01` : addDays(first, 1);
  return { from: `${first}T00:00:00Z`, until: `${next}T00:00:00Z` };
}

/** Whether nothing more can happen in it. */
export const isOver = (period: string, today: string): boolean => period < today.slice(0, period.length);

/** The periods that a day is in. */
export const periodsOf = (day: string): readonly string[] => [day, monthOf(day)];
