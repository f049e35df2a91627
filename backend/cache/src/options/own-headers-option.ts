// The option `headers`, of the cache and of routes: which headers the cache adds beside the handler's.

/** What a user says of them; what is left out stays as it is said elsewhere. */
export interface OwnHeadersOption {
  /** Default true. */
  readonly etag?: boolean | undefined;
  /** Default true. */
  readonly cacheControl?: boolean | undefined;
  /** Default true. */
  readonly cacheStatus?: boolean | undefined;
}
