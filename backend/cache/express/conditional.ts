// Conditional requests (RFC 9110 section 13): whether the client's copy is the one that would be sent.
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { parseHttpDate } from "./http-date.js";
import { fieldOf } from "./request-fields.js";

/**
 * Whether to answer 304: `If-None-Match` where there is one (weak comparison, section 8.8.3.2), else `If-Modified-Since`
 * (section 13.1.3).
 */
export function isNotModified(
  headers: IncomingHttpHeaders,
  etag: string | undefined,
  lastModified: string | undefined,
): boolean {
  const ifNoneMatch = fieldOf(headers, "if-none-match");
  if (ifNoneMatch !== undefined) return ifNoneMatch.trim() === "*" || (!!etag && matches(ifNoneMatch, etag));
  const ifModifiedSince = fieldOf(headers, "if-modified-since");
  if (ifModifiedSince === undefined || lastModified === undefined) return false;
  const [modifiedMs, sinceMs] = [parseHttpDate(lastModified), parseHttpDate(ifModifiedSince)];
  return modifiedMs !== undefined && sinceMs !== undefined && modifiedMs <= sinceMs;
}

const ENTITY_TAG = /(?:W\/)?"[^"]*"/g;

function matches(ifNoneMatch: string, etag: string): boolean {
  // Most clients have one copy, and name it as it was given to them.
  if (ifNoneMatch === etag) return true;
  const opaque = withoutWeakness(etag);
  return (ifNoneMatch.match(ENTITY_TAG) ?? []).some((candidate) => withoutWeakness(candidate) === opaque);
}

function withoutWeakness(etag: string): string {
  return etag.startsWith("W/") ? etag.slice(2) : etag;
}

const CONDITIONAL_HEADERS = ["if-none-match", "if-modified-since"] as const;

/**
 * Hides the client's conditions from the handler while it fills an entry, because a handler that answers 304 gives nothing to
 * store; the cache answers the condition itself.
 * @returns the hidden headers
 */
export function hideConditions(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const hidden: IncomingHttpHeaders = {};
  for (const name of CONDITIONAL_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    hidden[name] = value;
    delete headers[name];
  }
  return hidden;
}

/** Whether a handler's answer, which may be any 2xx, is to be a 304 (RFC 9110 section 13.2.1). */
export function isAnsweredNotModified(conditions: IncomingHttpHeaders, res: ServerResponse): boolean {
  if (res.statusCode < 200 || res.statusCode > 299) return false;
  return isNotModified(conditions, textOf(res, "ETag"), textOf(res, "Last-Modified"));
}

/** Express and `sendFile` answer no 304 to a client that asks for an end-to-end reload (the `fresh` package). */
export function asksForReload({ "cache-control": cacheControl }: IncomingHttpHeaders): boolean {
  return cacheControl !== undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(cacheControl);
}

function textOf(res: ServerResponse, name: string): string | undefined {
  const value = res.getHeader(name);
  return value === undefined ? undefined : String(value);
}

/** What a 304 carries (RFC 9110 section 15.4.5): not the headers that describe a body it does not have. */
export function isSentWithNotModified(name: string): boolean {
  return !/^(?:content-(?:type|length|encoding|language|range)|transfer-encoding)$/i.test(name);
}

/**
 * Takes away what a 304 does not carry.
 *
 * @param whole as `res.send` does it, for an answer in one piece; else as `sendFile` does it
 */
export function removeBodyHeaders(res: ServerResponse, whole: boolean): void {
  const names = whole
    ? ["Content-Type", "Content-Length", "Transfer-Encoding"]
    : res.getHeaderNames().filter((name) => !isSentWithNotModified(name));
  for (const name of names) res.removeHeader(name);
}
