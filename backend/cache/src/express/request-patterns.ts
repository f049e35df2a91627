// Patterns of requests: a path below the mount, perhaps with a method, or a word that is one of the path's segments.
// Tests: test/integration/cache-routes.test.ts
import type { Request } from "express";
import { decoded } from "../url-parts.js";

/** What patterns are held against, and what modules are named by. */
export interface Target {
  readonly method: string;
  /** Of the path: decoded, in lower case. */
  readonly segments: readonly string[];
}

export type Matcher = (target: Target) => boolean;

export function targetOf({ method, path }: Pick<Request, "method" | "path">): Target {
  return { method, segments: decodedSegments(path) };
}

/** Those of the patterns that a request matches. */
export function matching<T extends { readonly matches: Matcher }>(
  patterns: readonly T[],
  target: Target,
): T[] {
  return patterns.length === 0 ? [] : patterns.filter(({ matches }) => matches(target));
}

/**
 * As Express matches by default: capitals and a slash at the end make no difference, nor do percent-encodings,
 * which parameters of a path are decoded from. What another router tells apart is matched all the same: it is
 * not cached, or one module more is invalidated.
 */
export function matcherOf(pattern: string): Matcher {
  const slash = pattern.indexOf("/");
  if (slash === -1) {
    const word = pattern.toLowerCase();
    return ({ segments }) => segments.includes(word);
  }
  const method = pattern.slice(0, slash).trim();
  const wanted = decodedSegments(pattern.slice(slash));
  return (target) =>
    (method === "" || method === target.method) &&
    target.segments.length === wanted.length &&
    wanted.every((segment, index) => segment.startsWith(":") || segment === target.segments[index]);
}

function decodedSegments(path: string): string[] {
  const segments = path.toLowerCase().split("/").filter(Boolean);
  return path.includes("%") ? segments.map((segment) => decoded(segment).toLowerCase()) : segments;
}
