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
}

const known = new Map<string, OwnHeaders>();

/**
 * The same object for the same choice, so that ready-made heads can be told apart by it.
 * @internal
 */
export function ownHeaders(ofCache: OwnHeadersOption, ofRoute: OwnHeadersOption): OwnHeaders {
  const { etag = true, cacheControl = true, cacheStatus = true } = { ...ofCache, ...ofRoute };
  const name = [etag, cacheControl, cacheStatus].join();
  const own = known.get(name) ?? { etag, cacheControl, cacheStatus };
  known.set(name, own);
  return own;
}
