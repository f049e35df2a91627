// A request's URL in its two parts, and without its percent-encoding.
// Tests: test/integration/operations.test.ts, test/integration/console-access.test.ts, test/integration/route-template.test.ts, test/unit/forgotten-urls.test.ts

/** A query may have question marks of its own (RFC 3986 section 3.4), as in `explain?url=/accounts?page=2`. It begins with one, where there is one. */
export function urlParts(url: string): { readonly path: string; readonly search: string } {
  const at = url.indexOf("?");
  return at === -1 ? { path: url, search: "" } : { path: url.slice(0, at), search: url.slice(at) };
}

/** What does not decode stays as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
