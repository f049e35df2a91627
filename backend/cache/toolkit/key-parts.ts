// Parts that many keys end with: pages, orders and times, always written the same way.
import { TenantCacheError } from "../errors.js";

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
export function paginatedKey(base: string, { page, pageSize }: Page): string {
  for (const count of [page, pageSize])
    if (!Number.isSafeInteger(count) || count < 1)
      throw invalid(base, `${count} is no page or page size: count from 1`);
  return `${base}:page:${page}:size:${pageSize}`;
}

/** `users:list` by name: `users:list:sort:name:asc`. @throws TenantCacheError `ETC_KEY` */
export function sortedKey(base: string, { by, direction = "asc" }: Order): string {
  if (by === "") throw invalid(base, "sorted by nothing: name a field");
  return `${base}:sort:${encodeURIComponent(by)}:${direction}`;
}

const DIGITS = { day: 10, hour: 13, minute: 16 } as const;

/**
 * A key of its own for each day, hour or minute, in UTC: `reports:sales:2026-11-22`, `…:2026-11-22T09`, `…:2026-11-22T09.30`.
 * @throws TenantCacheError `ETC_KEY`
 */
export function timestampedKey(base: string, time: Date, every: keyof typeof DIGITS = "day"): string {
  if (Number.isNaN(time.getTime())) throw invalid(base, "the time is an invalid Date");
  return `${base}:${time.toISOString().slice(0, DIGITS[every]).replaceAll(":", ".")}`;
}

function invalid(base: string, why: string): TenantCacheError {
  return new TenantCacheError("ETC_KEY", `${base}: ${why}`);
}
