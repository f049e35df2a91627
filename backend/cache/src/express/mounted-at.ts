// What a client has asked for, beside what Express shows a router of it: a slash below a mount, URLs that middleware has rewritten, the route's path.
// Tests: test/integration/mounted-at.test.ts, test/integration/rewritten-urls.test.ts
import type { Request } from "express";
import { ownText } from "../bounded-map.js";
import { inOneSpelling, type UrlParts, urlParts } from "../url-parts.js";

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

/**
 * The target that the client has asked for, where middleware has put another URL in its place; else empty. Handlers see
 * both: a language or a version that was cut off the path, and links to the answer itself, are of this one. Another
 * spelling of the path is none: middleware that gives paths one spelling does so that they share an entry.
 */
export function rewrittenFrom(req: Request): string {
  const { baseUrl = "", url, originalUrl } = req;
  // Without an Express app around it a request has none.
  if (!originalUrl || (baseUrl === "" && originalUrl === url)) return "";
  const target = withoutAuthority(originalUrl);
  const rest = withoutAuthority(url);
  const shown = rest.startsWith("/") ? rest : `/${rest}`;
  const own = baseUrl + (isMountItself(req) ? shown.slice(1) : shown);
  return target === own || isRespelled(urlParts(target), urlParts(own)) ? "" : target;
}

function isRespelled(one: UrlParts, other: UrlParts): boolean {
  return one.search === other.search && inOneSpelling(one.path) === inOneSpelling(other.path);
}

/** Whether that is all of the path. */
function isPath(target: string, path: string): boolean {
  return target === path || target.startsWith(`${path}?`);
}

/** Of a target in absolute form (RFC 9112 section 3.2.2). */
function withoutAuthority(target: string): string {
  return target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
}

const MAX_PATH_CHARACTERS = 128;

/** The path of a request's route as the app wrote it, without what a request has put into it. */
export function mountedPath(req: Request): string | undefined {
  const path: unknown = (req.route as { readonly path?: unknown } | undefined)?.path;
  return typeof path === "string" ? ownText(path.slice(0, MAX_PATH_CHARACTERS)) : undefined;
}
