// The option `freshness`, of a cache and of a route.
// Tests: test/unit/refusals/freshness.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";

/**
 * How a hit is known to be fresh. `"strict"`: the store is asked, in each. `"leased"`: as fresh, from this process's memory and without asking;
 * writes wait until all processes have heard of them, one round trip more as a rule and 100 ms where one does not answer.
 */
export type Freshness = "strict" | "leased";

/** @internal */
export const freshness = z.enum(["strict", "leased"]);

/**
 * @throws TenantCacheError `ETC_OPTIONS`
 * @internal
 */
export function refuseFreshButStale(
  route: { readonly freshness?: Freshness | undefined; readonly maxStaleness: number },
  call: string,
): void {
  if (route.freshness === undefined || route.maxStaleness === 0) return;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `${call}: freshness is "${route.freshness}", which is never stale, and maxStaleness is ${route.maxStaleness}, which may be: write one of them`,
  );
}
