// What of a response may be kept and sent again: one list and one set of rules for what is recorded and for what is decoded.
// Tests: test/integration/mutated-entries.test.ts, test/unit/entry.test.ts

/**
 * Header fields that never belong to an entry, in lower case: hop-by-hop (RFC 9110 section 7.6.1), framing,
 * of a proxy (RFC 9111 section 3.1), of a part, about one client, or the cache's own. A Date is stored where
 * the handler set one.
 */
export const NEVER_STORED: ReadonlySet<string> = new Set([
  "age",
  "cache-status",
  "connection",
  "content-length",
  "content-range",
  "etag",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
const FIELD_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
/**
 * An entity-tag (RFC 9110 section 8.8.3), with the blanks that quoted strings had before it, or the bare word
 * that many handlers send in its place.
 */
const ETAG = /^(?:(?:W\/)?"[\t !#-~\x80-\xff]*"|[!#-+\--~\x80-\xff]+)$/;

/**
 * Whether a header of this name may be stored: a token (RFC 9110 section 5.6.2), and none of
 * {@link NEVER_STORED}.
 */
export function isStorableName(name: string): boolean {
  return TOKEN.test(name) && !NEVER_STORED.has(name.toLowerCase());
}

/**
 * Whether Node sends it as the value of a header, or as a status message: latin1 without control characters.
 */
export function isFieldText(text: string): boolean {
  return FIELD_TEXT.test(text);
}

/** Whether it may stand in ETag; empty where there is none. */
export function isETag(text: string): boolean {
  return text === "" || ETAG.test(text);
}

/**
 * Whether an answer of this status has no content, whatever a handler writes (RFC 9110 sections 15.3.5,
 * 15.3.6 and 15.4.5).
 */
export function hasNoContent(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** Whether its head says how long the body is: that of a 204 or a 304 does not (RFC 9110 section 8.6). */
export function hasLength(status: number): boolean {
  return status !== 204 && status !== 304;
}
