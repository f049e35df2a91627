// Answers a request from an entry.
// Tests: test/integration/cache-list.test.ts
import { type IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type CacheStatus, freshSecondsOf, setCacheStatus } from "../cache-status.js";
import { acceptedCodings } from "../codec/content-coding.js";
import type { ContentCoding, Entry, Variant } from "../codec/entry.js";
import { hasLength } from "../codec/sendable.js";
import type { Waiter } from "../engine/bounded-wait.js";
import { isNotModified } from "./conditional.js";
import {
  DEFAULT_CACHE_CONTROL,
  type EntryHead,
  type Field,
  headOf,
  lengthOf,
  variantETagOf,
} from "./entry-head.js";
import type { OwnHeaders } from "./own-headers.js";
import { setMethods } from "./own-methods.js";
import { mergeVary } from "./recorded-headers.js";
import { fieldOf } from "./request-fields.js";

/** Returns whether there was none. */
export function defaultCacheControl(res: ServerResponse): boolean {
  if (res.hasHeader("Cache-Control")) return false;
  res.setHeader("Cache-Control", DEFAULT_CACHE_CONTROL);
  return true;
}

/**
 * The same for a handler that has not answered yet, when its head is written: `sendFile` would not set its
 * own Cache-Control if it found one.
 */
export function defaultCacheControlWithHead(res: ServerResponse): void {
  const writeHead = res.writeHead;
  const withDefault = (...args: Parameters<typeof writeHead>) => {
    // What these arguments say replaces it.
    if (!res.headersSent && !res.hasHeader("Cache-Control")) {
      defaulted.add(res);
      defaultCacheControl(res);
    }
    return Reflect.apply(writeHead, res, args);
  };
  setMethods(res, { writeHead: withDefault as typeof writeHead });
}

/** Responses whose handlers have said nothing of caching. */
const defaulted = new WeakSet<ServerResponse>();

/** Whether the `Cache-Control` of a response that the cache has let pass is the cache's own. */
export function hasDefaultCacheControl(res: ServerResponse): boolean {
  return defaulted.has(res);
}

/** What of an entry a request gets. */
interface Answer {
  readonly head: EntryHead;
  readonly notModified: boolean;
  readonly variant: Variant | undefined;
  readonly ageSeconds: number;
  /** The client would have taken a variant that the entry does not have. */
  readonly couldBeSmaller: boolean;
}

/**
 * Sends the entry's bytes, in a coding that the client prefers where there is a variant, or 304 where the
 * client has them; for HEAD the headers alone. Headers that earlier middleware has set stay, unless the
 * handler had set them too.
 *
 * @returns whether the client would have taken a variant that the entry does not have
 */
export function replay(
  req: IncomingMessage,
  res: ServerResponse,
  entry: Entry,
  status: CacheStatus,
  nowMs: number,
  own: OwnHeaders,
): boolean {
  const { head, notModified, variant, ageSeconds, couldBeSmaller } = answerOf(req, entry, nowMs, own);
  res.statusCode = notModified ? 304 : entry.status;
  if (entry.statusMessage !== "" && !notModified && req.httpVersionMajor < 2)
    res.statusMessage = entry.statusMessage;
  for (const name of entry.removedHeaders) res.removeHeader(name);
  for (const [name, value] of notModified ? head.notModifiedFields : head.fields) res.setHeader(name, value);
  const vary = head.varyFor(entry, own);
  mergeVary(res, vary);
  if (entry.etag !== "") res.setHeader("ETag", variant ? variantETagOf(entry) : entry.etag);
  res.setHeader("Age", ageSeconds);
  if (own.cacheStatus) setCacheStatus(res, status);
  if (own.cacheControl && !head.hasCacheControl) defaultCacheControl(res);
  if (!notModified) {
    if (variant) res.setHeader("Content-Encoding", variant.encoding);
    if (hasLength(entry.status)) res.setHeader("Content-Length", lengthOf(entry, variant));
  }
  // Node would read its value as UTF-8 once more (`sent-letters.ts`), if it computed the body's length.
  if (head.namesFileBeyondASCII && !notModified && req.httpVersionMajor < 2) res.writeHead(res.statusCode);
  endWith(req, res, entry, notModified, variant);
  return couldBeSmaller;
}

/** No header is set, and nobody waits for the head to be written. */
export function isUntouched(res: ServerResponse): boolean {
  return hasNodesWriteHead(res) && res.getHeaderNames().length === 0;
}

function hasNodesWriteHead(res: ServerResponse): boolean {
  return res.writeHead === ServerResponse.prototype.writeHead;
}

/**
 * A hit where nothing has touched the response yet: the head is written in one call, which Node need not
 * collect first. The same bytes as {@link replay} would send after `earlier` had been set.
 */
export function replayAlone(
  req: IncomingMessage,
  res: ServerResponse,
  entry: Entry,
  nowMs: number,
  own: OwnHeaders,
  earlier: readonly Field[],
): boolean {
  const { head, notModified, variant, ageSeconds, couldBeSmaller } = answerOf(req, entry, nowMs, own);
  const form = notModified ? "not-modified" : (variant ?? "identity");
  const shared = head.lines(entry, form, own, earlier, ageSeconds, freshSecondsOf(entry, nowMs));
  // Whoever has put a function of their own in its place may keep what it is given.
  const lines = hasNodesWriteHead(res) ? shared : [...shared];
  const status = notModified ? 304 : entry.status;
  if (notModified || entry.statusMessage === "") res.writeHead(status, lines);
  else res.writeHead(status, entry.statusMessage, lines);
  endWith(req, res, entry, notModified, variant);
  return couldBeSmaller;
}

function answerOf(req: IncomingMessage, entry: Entry, nowMs: number, own: OwnHeaders): Answer {
  const head = headOf(entry);
  // Express's requests have a shape each: reading one of them is slow.
  const { headers } = req;
  const mayBeCoded = own.vary && head.isCompressible(entry);
  const codings = acceptedCodings(mayBeCoded ? fieldOf(headers, "accept-encoding") : undefined);
  return {
    head,
    notModified: isSuccessful(entry.status) && isNotModified(headers, entry.etag, head.lastModified),
    variant: codings.length > 0 ? firstVariant(entry, codings) : undefined,
    // Clocks of different processes may disagree: an age is never negative (RFC 9111 section 4.2.3).
    ageSeconds: Math.max(0, Math.floor((nowMs - entry.createdAt) / 1000)),
    couldBeSmaller: codings.length > 0 && entry.variants.length === 0,
  };
}

/** Conditions are about answers that would be 2xx without them (RFC 9110 section 13.2.1). */
function isSuccessful(status: number): boolean {
  return status >= 200 && status < 300;
}

function endWith(
  req: IncomingMessage,
  res: ServerResponse,
  entry: Entry,
  notModified: boolean,
  variant: Variant | undefined,
): void {
  const body = variant?.body ?? entry.body;
  // No body is not an empty one: a server may be told to refuse that for a 204
  // (`rejectNonStandardBodyWrites`).
  if (notModified || body.length === 0 || req.method === "HEAD") res.end();
  else res.end(body);
}

/**
 * Whether the kernel has taken every byte of an ended response, so that nothing looks at its body any more:
 * it went through Node's own `end`, to a socket of its own (a pipelined one waits for its turn), which counts
 * what libuv has not written yet. TLS, and streams that stand in for sockets, have other places for what
 * waits.
 */
export function isHandedOver(res: ServerResponse): boolean {
  const { socket } = res;
  return (
    socket instanceof Socket &&
    !(socket instanceof TLSSocket) &&
    res.end === ServerResponse.prototype.end &&
    hasNodesWriteHead(res) &&
    res.writableLength === 0
  );
}

/**
 * Compressible bodies vary by what the client accepts, in whichever coding this one is sent (RFC 9110 section
 * 12.5.5).
 */
export function varyByEncoding(res: ServerResponse): void {
  mergeVary(res, "Accept-Encoding");
}

function firstVariant(entry: Entry, codings: readonly ContentCoding[]): Variant | undefined {
  for (const coding of codings) {
    const variant = entry.variants.find(({ encoding }) => encoding === coding);
    if (variant) return variant;
  }
  return undefined;
}

/**
 * Whether the connection, or HTTP/2's stream, is gone. Node tells the response of that a turn later than whoever
 * destroys its socket: Express's own error page does, where an answer has begun, and the handler may still end it.
 */
export function isGone(res: ServerResponse & { readonly stream?: { readonly destroyed: boolean } }): boolean {
  return res.destroyed || res.socket?.destroyed === true || res.stream?.destroyed === true;
}

/** Whoever waits for this response. */
export function clientOf(res: ServerResponse): Waiter {
  return {
    isGone: () => isGone(res),
    onGone: (leave) => {
      res.once("close", leave);
      return () => void res.off("close", leave);
    },
  };
}
