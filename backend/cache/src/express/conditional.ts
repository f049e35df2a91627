// Conditional requests (RFC 9110 section 13): whether the client's copy is the one that would be sent.
// Tests: test/integration/conditions.test.ts
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { parseHttpDate } from "./http-date.js";
import { fieldOf } from "./request-fields.js";

/**
 * Whether to answer 304: `If-None-Match` where there is one (weak comparison, section 8.8.3.2), else
 * `If-Modified-Since` (section 13.1.3).
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
 * The client's conditions while a handler fills an entry. It does not see them, because its 304 would give
 * nothing to store; the cache answers them itself. Where the handler looks at one, and it is known already
 * that nothing will be stored, it sees them after all.
 */
export class HiddenConditions {
  /** As the client has sent them. */
  readonly values: IncomingHttpHeaders = {};
  readonly #headers: IncomingHttpHeaders;
  readonly #isSeen: () => boolean;
  #wereMissed = false;
  #wereSeen = false;

  /** @param isSeen asked when the handler looks: whether it is to see them from now on */
  constructor(headers: IncomingHttpHeaders, isSeen: () => boolean) {
    this.#headers = headers;
    this.#isSeen = isSeen;
    for (const name of CONDITIONAL_HEADERS) {
      const value = headers[name];
      if (value === undefined) continue;
      this.values[name] = value;
      const get = () => this.#read(name);
      const set = (other: unknown) => show(headers, name, other);
      Object.defineProperty(headers, name, { get, set, configurable: true, enumerable: false });
    }
  }

  /**
   * Whether the cache answers them. It does not where the handler has seen them, nor where the handler would
   * not have looked at them and nothing is stored.
   */
  areAnswered(storable: boolean): boolean {
    if (this.#wereSeen) return false;
    return storable || (this.#wereMissed && !asksForReload(this.#headers));
  }

  /** The handler has seen them, because nothing was going to be stored. */
  get wereSeen(): boolean {
    return this.#wereSeen;
  }

  /** Puts them back, once the handler's answer does not depend on them any more. */
  show(): void {
    for (const [name, value] of Object.entries(this.values)) show(this.#headers, name, value);
  }

  #read(name: "if-none-match" | "if-modified-since"): string | undefined {
    this.#wereSeen = this.#isSeen();
    this.#wereMissed = !this.#wereSeen;
    if (!this.#wereSeen) return undefined;
    this.show();
    return this.values[name];
  }
}

function show(headers: IncomingHttpHeaders, name: string, value: unknown): void {
  Object.defineProperty(headers, name, { value, writable: true, configurable: true, enumerable: true });
}

/** Whether a handler's answer, which may be any 2xx, is to be a 304 (RFC 9110 section 13.2.1). */
export function isAnsweredNotModified(conditions: IncomingHttpHeaders, res: ServerResponse): boolean {
  // Most have none, and need no look at the response.
  if (CONDITIONAL_HEADERS.every((name) => conditions[name] === undefined)) return false;
  if (res.statusCode < 200 || res.statusCode > 299) return false;
  return isNotModified(conditions, textOf(res, "ETag"), textOf(res, "Last-Modified"));
}

/**
 * Express and `sendFile` answer no 304 to a client that asks for an end-to-end reload (the `fresh` package).
 */
function asksForReload({ "cache-control": cacheControl }: IncomingHttpHeaders): boolean {
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
