// The query of a URL as text: which parameters it has, and what is left of it without those that no answer depends on.
// Tests: test/integration/cache-list.test.ts, test/integration/route-functions.test.ts, test/integration/query-parsers.test.ts
import type { Application, Request } from "express";
import { canonicalData } from "./request-key.js";

/**
 * What follows the first `?`, without a fragment, which may have a `?` of its own: `/a#?b=1` has no query (RFC 3986
 * section 3.5).
 */
export function queryOf(url: string): string {
  const [target = ""] = url.split("#", 1);
  const start = target.indexOf("?");
  return start === -1 ? "" : target.slice(start + 1);
}

/**
 * Whether a function of the app reads its queries (`app.set("query parser", …)`). Which spellings it takes for
 * one query, only the app knows: a parser that splits lists at commas tells `a,b` from `a%2Cb`.
 */
export function hasParserOfItsOwn(req: Request): boolean {
  // Express 4 has the outermost app read them.
  type Mounted = Partial<Application> & { readonly parent?: Mounted };
  for (let app: Mounted | undefined = req.app; app; app = app.parent)
    if (typeof app.get?.("query parser") === "function") return true;
  return false;
}

/** As the route says that it understands it. Nothing is no query: what validation has not left would be the same for all. */
export function queryText(query: unknown): string | undefined {
  return query === undefined || query === null ? undefined : canonicalData(query);
}

/** A query as it came: neither pairs nor data have such a text. */
export function verbatim(rawQuery: string): string {
  return `?${rawQuery}`;
}

export function hasOnly(rawQuery: string, known: readonly string[]): boolean {
  return [...new URLSearchParams(rawQuery).keys()].every((name) => known.includes(name));
}

/** What is left of a query without other names than these. */
export function withOnly(rawQuery: string, known: readonly string[]): string {
  return rawQuery
    .split("&")
    .filter((segment) => hasOnly(segment, known))
    .join("&");
}

/**
 * @param ignored names, or how they begin, with a `*` at their end. A name is compared whole: `a[]` is not
 *   `a`, because some parsers tell them apart
 */
export function withoutIgnored(rawQuery: string, ignored: readonly string[]): string {
  if (ignored.length === 0 || rawQuery === "") return rawQuery;
  const isIgnored = (segment: string) => {
    const [[name = ""] = []] = new URLSearchParams(segment);
    return ignored.some((pattern) =>
      pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
  };
  return rawQuery
    .split("&")
    .filter((segment) => !isIgnored(segment))
    .join("&");
}
