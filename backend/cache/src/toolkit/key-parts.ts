// Parts that many keys end with: pages, orders and times, always written the same way.
// Tests: test/unit/key-registry.test.ts, test/unit/refusals/toolkit-options.test.ts
import { types } from "node:util";
import { TenantCacheError } from "../errors.js";
import { refuseSurplus, strayMember } from "../options/arguments.js";
import { shown } from "../shown.js";
import { isPartText } from "./key-syntax.js";

export interface Page {
  /** From 1. */
  readonly page: number;
  readonly pageSize: number;
}

export interface Order {
  readonly by: string;
  /** Default `"asc"`. */
  readonly direction?: "asc" | "desc";
}

/** `users:list` and page 2 of 50: `users:list:page:2:size:50`. @throws TenantCacheError `ETC_KEY` */
export function paginatedKey(base: string, options: Page, ...surplus: never[]): string {
  const write = 'paginatedKey("users:list", { page: 1, pageSize: 50 })';
  refuseSurplus("paginatedKey", surplus, write);
  refuseStray(base, options, ["page", "pageSize"], write);
  const { page, pageSize } = Object(options) as Page;
  for (const count of [page, pageSize])
    if (!Number.isSafeInteger(count) || count < 1)
      throw invalid(base, `page or pageSize is ${shown(count)}: count from 1, and write ${write}`);
  return `${base}:page:${page}:size:${pageSize}`;
}

/** `users:list` by name: `users:list:sort:name:asc`. @throws TenantCacheError `ETC_KEY` */
export function sortedKey(base: string, options: Order, ...surplus: never[]): string {
  const write = 'sortedKey("users:list", { by: "name", direction: "desc" })';
  refuseSurplus("sortedKey", surplus, write);
  refuseStray(base, options, ["by", "direction"], write);
  const { by, direction = "asc" } = Object(options) as Order;
  if (!isPartText(by)) throw invalid(base, `by is ${shown(by)}: name a field, and write ${write}`);
  if (direction !== "asc" && direction !== "desc")
    throw invalid(base, `direction is ${shown(direction)}: write "asc" or "desc"`);
  return `${base}:sort:${encodeURIComponent(by)}:${direction}`;
}

const DIGITS = { day: 10, hour: 13, minute: 16 } as const;

/**
 * A key of its own for each day, hour or minute, in UTC: `reports:sales:2026-11-22`, `…:2026-11-22T09`,
 * `…:2026-11-22T09.30`.
 * @throws TenantCacheError `ETC_KEY`
 */
export function timestampedKey(
  base: string,
  time: Date,
  every: keyof typeof DIGITS = "day",
  ...surplus: never[]
): string {
  refuseSurplus("timestampedKey", surplus, 'timestampedKey("reports:sales", new Date(), "day")');
  if (!types.isDate(time)) throw invalid(base, `the time is ${shown(time)}: write a Date`);
  if (Number.isNaN(time.getTime())) throw invalid(base, "the time is an invalid Date");
  if (!Object.hasOwn(DIGITS, every))
    throw invalid(base, `every is ${shown(every)}: write "day", "hour" or "minute"`);
  return `${base}:${time.toISOString().slice(0, DIGITS[every]).replaceAll(":", ".")}`;
}

/** Left out of the key, it would have two lists share one. */
function refuseStray(base: string, options: object, known: readonly string[], write: string): void {
  const stray = strayMember(Object(options), known);
  if (stray !== undefined) throw invalid(base, `there is no option ${stray}: write ${write}`);
}

function invalid(base: string, why: string): TenantCacheError {
  return new TenantCacheError("ETC_KEY", `${base}: ${why}`);
}
