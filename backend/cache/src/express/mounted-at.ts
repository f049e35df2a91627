// A path with and without a slash at its end, below a mount: two URLs, though Express shows a router one.
// Tests: test/integration/mounted-at.test.ts
import type { Request } from "express";

/**
 * Whether a request is for the very path that its router is mounted at. To one at `/docs` Express shows `/` for `/docs`, as for `/docs/`;
 * but `express.static` sends clients from the first on to the second, under which relative links are right.
 */
export function isMountItself({ baseUrl, url, originalUrl }: Request): boolean {
  if (!baseUrl || !originalUrl || (url.startsWith("/") && url.length > 1 && url[1] !== "?")) return false;
  const target = withoutAuthority(url);
  // To a target in absolute form Express adds no slash.
  return (isPath(target, "/") || isPath(target, "")) && isPath(withoutAuthority(originalUrl), baseUrl);
}

/** Whether that is all of the path. */
function isPath(target: string, path: string): boolean {
  return target === path || target.startsWith(`${path}?`);
}

/** Of a target in absolute form (RFC 9112 section 3.2.2). */
function withoutAuthority(target: string): string {
  return target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
}
