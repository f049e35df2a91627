// A request's URL in its two parts, and without its percent-encoding.
// Tests: test/integration/operations.test.ts, test/integration/console-access.test.ts, test/integration/route-template.test.ts, test/unit/forgotten-urls.test.ts

export interface UrlParts {
  readonly path: string;
  /** Begins with a question mark, where there is one. */
  readonly search: string;
}

/** A query may have question marks of its own (RFC 3986 section 3.4), as in `explain?url=/accounts?page=2`. */
export function urlParts(url: string): UrlParts {
  const at = url.indexOf("?");
  return at === -1 ? { path: url, search: "" } : { path: url.slice(0, at), search: url.slice(at) };
}

/**
 * A path in one spelling: capitals, percent-encodings and a slash at the end make no difference to Express, so that
 * clients choose. Below a mount it adds that slash itself.
 */
export function inOneSpelling(path: string): string {
  return decoded(path).toLowerCase().replace(/\/$/, "");
}

/** What does not decode stays as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
