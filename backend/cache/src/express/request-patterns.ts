// Patterns of requests: a path below the mount, perhaps with a method, or a word that is one of the path's segments.
// Tests: test/integration/cache-routes.test.ts
import type { Request } from "express";

/** What patterns are held against. */
interface Target {
  readonly method: string;
  readonly segments: readonly string[];
}

export type Matcher = (target: Target) => boolean;

/** Those of the patterns that a request matches: its path is decoded once for all of them. */
export function matching<T extends { readonly matches: Matcher }>(patterns: readonly T[], req: Request): T[] {
  if (patterns.length === 0) return [];
  const target = { method: req.method, segments: decodedSegments(req.path) };
  return patterns.filter(({ matches }) => matches(target));
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
  return segmentsOf(path).map((segment) => {
    try {
      return decodeURIComponent(segment).toLowerCase();
    } catch {
      return segment;
    }
  });
}

export function segmentsOf(path: string): string[] {
  return path.toLowerCase().split("/").filter(Boolean);
}
