// Conditional requests (RFC 9110 section 13): whether the client's copy is the one that would be sent.
import type { IncomingHttpHeaders } from "node:http";
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
  if (ifNoneMatch !== undefined) return etag !== undefined && etag !== "" && matches(ifNoneMatch, etag);
  const ifModifiedSince = fieldOf(headers, "if-modified-since");
  if (ifModifiedSince === undefined || lastModified === undefined) return false;
  const [modifiedMs, sinceMs] = [parseHttpDate(lastModified), parseHttpDate(ifModifiedSince)];
  return modifiedMs !== undefined && sinceMs !== undefined && modifiedMs <= sinceMs;
}

const ENTITY_TAG = /(?:W\/)?"[^"]*"/g;

function matches(ifNoneMatch: string, etag: string): boolean {
  // Most clients have one copy, and name it as it was given to them.
  if (ifNoneMatch === etag || ifNoneMatch.trim() === "*") return true;
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
 * @returns the hidden headers, and how to put them back
 */
export function hideConditions(headers: IncomingHttpHeaders): {
  readonly hidden: IncomingHttpHeaders;
  readonly restore: () => void;
} {
  const hidden: IncomingHttpHeaders = {};
  for (const name of CONDITIONAL_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    hidden[name] = value;
    delete headers[name];
  }
  return { hidden, restore: () => void Object.assign(headers, hidden) };
}

/** What a 304 carries (RFC 9110 section 15.4.5): not the headers that describe a body it does not have. */
export function isSentWithNotModified(name: string): boolean {
  return !/^content-(?:type|length|encoding|language|range)$/i.test(name);
}
