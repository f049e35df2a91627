// The option `headers`, of the cache and of routes: which headers the cache adds beside the handler's.
// Tests: test/integration/own-headers.test.ts
import * as z from "zod";

/** What a user says of them; what is left out stays as it is said elsewhere. */
export interface OwnHeadersOption {
  /** Default true. */
  readonly etag?: boolean | undefined;
  /** Default true. */
  readonly cacheControl?: boolean | undefined;
  /** Default true. */
  readonly cacheStatus?: boolean | undefined;
}

const ownHeaders = z
  .strictObject({ etag: z.boolean(), cacheControl: z.boolean(), cacheStatus: z.boolean() })
  .partial();

/**
 * What a route leaves out, the cache says.
 * @internal
 */
export const ownHeadersOfRoute = ownHeaders.prefault({});

/**
 * The same for all routes of a cache.
 * @internal
 */
export const ownHeadersOfCache = ownHeadersOfRoute.transform((chosen) => ({
  etag: true,
  cacheControl: true,
  cacheStatus: true,
  ...chosen,
}));
