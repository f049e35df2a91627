// What may be a TTL, and the usual ones.
// Tests: test/unit/refusals/ttl.test.ts
import { TenantCacheError } from "./errors.js";
import { shown } from "./shown.js";

/** TTLs by kind of response, seconds: what a route gets that does not say otherwise is `list`. */
export const TTL_SECONDS = { list: 180, detail: 300, count: 600, settings: 1800 } as const;

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;

/** Of answers of routes: what is larger was probably meant as milliseconds. */
export const MAX_TTL_SECONDS = 30 * 86_400;
/** Of the toolkit's values and counters. */
export const MAX_VALUE_TTL_SECONDS = 90 * 86_400;

/** What a TTL up to `max` seconds is, for messages. */
export const ttlForm = (max = MAX_TTL_SECONDS): string =>
  `a whole number of seconds from 1 to ${max} (${max / DAY_SECONDS} days)`;

const SECONDS_OF_UNIT: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

export function isTtl(value: unknown, max = MAX_TTL_SECONDS): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= max;
}

/**
 * @param what has the value, for the message
 * @throws TenantCacheError `ETC_TTL`
 */
export function ttlSecondsOf(value: unknown, what: string, max = MAX_TTL_SECONDS): number {
  if (isTtl(value, max)) return value;
  throw new TenantCacheError("ETC_TTL", `${what} is ${shown(value)}: ${ttlAdvice(value, max)}`);
}

/**
 * Like {@link ttlSecondsOf}, for a number whose name does not say that it is in seconds, where it is written
 * once and not computed.
 * @throws TenantCacheError `ETC_TTL` also for what looks like milliseconds
 */
export function configuredTtl(value: unknown, what: string, max = MAX_TTL_SECONDS): number {
  const seconds = ttlSecondsOf(value, what, max);
  if (!looksLikeMilliseconds(seconds)) return seconds;
  throw new TenantCacheError("ETC_TTL", `${what} is ${shown(value)}: ${millisecondsAdvice(seconds)}`);
}

/**
 * Thousands, as milliseconds are written, which as seconds would be an odd time: 5000 (an hour and 23
 * minutes), 180000 (two days and two hours). Whole hours up to a day and whole days above it are not odd.
 */
export function looksLikeMilliseconds(seconds: number): boolean {
  return seconds % 1000 === 0 && seconds % (seconds > DAY_SECONDS ? DAY_SECONDS : HOUR_SECONDS) !== 0;
}

export function millisecondsAdvice(value: number): string {
  return `a TTL is in seconds: for ${value} milliseconds write ${value / 1000}; if ${value} seconds are meant, write { ttlSeconds: ${value} }`;
}

/** What to write instead of what is no TTL up to `max`. */
export function ttlAdvice(value: unknown, max = MAX_TTL_SECONDS): string {
  const form = ttlForm(max);
  if (value === 0) return `nothing would be cached: leave the cache out there, or write ${form}`;
  if (typeof value === "number" && (value < 0 || value === Number.POSITIVE_INFINITY))
    return `nothing is cached for ever: write ${form}`;
  const near = nearTtl(value, max);
  if (typeof value === "number" && value > max && near !== undefined)
    return `a TTL is in seconds, at most ${max} (${max / DAY_SECONDS} days): for ${value} milliseconds write ${near}`;
  return `write ${near === undefined ? "" : `${near}, `}${form}`;
}

/** `"180"`, `"3m"`, `180n` and `1.5` say what is meant. */
function nearTtl(value: unknown, max: number): number | undefined {
  const seconds = secondsMeantBy(value, max);
  return isTtl(seconds, max) ? seconds : undefined;
}

const DURATION = /^\s*(\d+(?:\.\d+)?)\s*(?:(ms|s|m|h|d)(?:ecs?|econds?|ins?|inutes?|rs?|ours?|ays?)?)?\s*$/i;

function secondsMeantBy(value: unknown, max: number): number | undefined {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return value > max ? Math.round(value / 1000) : Math.ceil(value);
  const [, count, unit = "s"] = (typeof value === "string" && DURATION.exec(value)) || [];
  return count === undefined
    ? undefined
    : Math.ceil(Number(count) * (SECONDS_OF_UNIT[unit.toLowerCase()] ?? 1));
}
