// A request's URL in its two parts.
// Tests: test/integration/operations.test.ts, test/integration/console-access.test.ts

/** A query may have question marks of its own (RFC 3986 section 3.4), as in `explain?url=/accounts?page=2`. It begins with one, where there is one. */
export function urlParts(url: string): { readonly path: string; readonly search: string } {
  const at = url.indexOf("?");
  return at === -1 ? { path: url, search: "" } : { path: url.slice(0, at), search: url.slice(at) };
}
