// The options that say how tenants share a store: what one may hold, what is reserved for it, and the pool.
// Tests: test/unit/refusals/cache-options.test.ts, test/integration/tenant-sharing.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { positiveInt } from "./parse.js";

/** @internal */
export const bytesOrInfinity = z.custom<number>(
  (value) => value === Number.POSITIVE_INFINITY || positiveInt.safeParse(value).success,
  { error: "must be a whole number of bytes above 0, or Infinity for no bound" },
);

/** @internal */
export const sharingOptions = {
  reservedBytesPerTenant: z.int().min(0).default(0),
  maxPooledBytes: bytesOrInfinity.optional(),
};

interface Sharing {
  readonly reservedBytesPerTenant: number;
  readonly maxPooledBytes?: number | undefined;
  readonly maxBytesPerTenant: number;
  readonly redis?: unknown;
  readonly store?: unknown;
  readonly memory: { readonly maxBytes: number; readonly maxTenantShare: number };
}

/**
 * A reservation that nothing keeps is none.
 * @throws TenantCacheError `ETC_OPTIONS`
 * @internal
 */
export function refuseEmptyReservations(options: Sharing): void {
  const {
    reservedBytesPerTenant,
    maxPooledBytes = Number.POSITIVE_INFINITY,
    maxBytesPerTenant,
    redis,
    store,
    memory,
  } = options;
  if (reservedBytesPerTenant === 0) return;
  const isInProcess = redis === undefined && store === undefined;
  const most = isInProcess
    ? Math.min(maxBytesPerTenant, memory.maxBytes * memory.maxTenantShare)
    : maxBytesPerTenant;
  const refused = (advice: string) =>
    new TenantCacheError(
      "ETC_OPTIONS",
      `createTenantCache: reservedBytesPerTenant is ${reservedBytesPerTenant}, ${advice}`,
    );
  if (reservedBytesPerTenant > most)
    throw refused(`and one tenant may hold ${Math.floor(most)} bytes at most: reserve less, or raise that`);
  if (!isInProcess && maxPooledBytes === Number.POSITIVE_INFINITY)
    throw refused(
      "and the pool is not bounded, so that the server would evict what is reserved: add maxPooledBytes",
    );
}
