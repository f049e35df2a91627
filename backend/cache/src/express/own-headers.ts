// Which headers the cache adds to the answers of a route, beside the handler's.
import type { OwnHeadersOption } from "../options/own-headers-option.js";

/** Each is the cache's own: what the handler sets is sent, stored and replayed whatever these say. */
export interface OwnHeaders {
  /** An `ETag` where the handler set none, made of the body. */
  readonly etag: boolean;
  /** `Cache-Control: private, no-cache` where the handler set none. */
  readonly cacheControl: boolean;
  /** `Cache-Status` (RFC 9211). */
  readonly cacheStatus: boolean;
  /** `Vary: Accept-Encoding`, where hits may be sent compressed. */
  readonly vary: boolean;
}

const known = new Map<string, OwnHeaders>();

/**
 * The same object for the same choice, so that ready-made heads can be told apart by it.
 * @internal
 */
export function ownHeaders(
  ofCache: OwnHeadersOption,
  ofRoute: OwnHeadersOption,
  compress: boolean,
): OwnHeaders {
  const { etag = true, cacheControl = true, cacheStatus = true } = { ...ofCache, ...ofRoute };
  const name = [etag, cacheControl, cacheStatus, compress].join();
  const own = known.get(name) ?? { etag, cacheControl, cacheStatus, vary: compress };
  known.set(name, own);
  return own;
}
