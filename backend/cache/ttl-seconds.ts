// What may be a TTL, and the usual ones.
import { TenantCacheError } from "./errors.js";

/** TTLs by kind of response, seconds: what a route gets that does not say otherwise is `list`. */
export const TTL_SECONDS = { list: 180, detail: 300, count: 600, settings: 1800 } as const;

export const MAX_TTL_SECONDS = 30 * 86_400;

/** @throws TenantCacheError `ETC_TTL` */
export function ttlSecondsOf(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_TTL_SECONDS)
    return value;
  const advice =
    typeof value === "number" && value > MAX_TTL_SECONDS
      ? `is in seconds and at most 30 days; for ${value} ms write ${Math.round(value / 1000)}`
      : "is a whole number of seconds, at least 1";
  throw new TenantCacheError("ETC_TTL", `ttl ${JSON.stringify(value)}: a TTL ${advice}`);
}
