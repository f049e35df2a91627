// Days as text ("2026-03-31"), in UTC: what views, their keys and their TTLs count with.
// Tests: test/unit/view-policies.test.ts

import { instantOf } from "../../modules/field-types.js";

const DAY_MS = 86_400_000;

/** The time now. Tests turn it past midnight. */
export type Clock = () => Date;

export const dayOf = (moment: Date): string => instantOf(moment).split("T", 1)[0] ?? "";

export const monthOf = (day: string): string => day.slice(0, -"-01".length);

export const addDays = (day: string, days: number): string =>
  dayOf(new Date(Date.parse(day) + days * DAY_MS));

/** The Monday of the week that the day is in. */
export function mondayOf(day: string): string {
  // Sunday is 0.
  const weekday = (new Date(day).getUTCDay() + 6) % 7;
  return addDays(day, -weekday);
}

/** Whole seconds, at least one. */
export function secondsUntilMidnight(now: Date): number {
  return Math.ceil((DAY_MS - (now.getTime() % DAY_MS)) / 1000);
}
