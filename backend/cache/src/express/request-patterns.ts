// Patterns of requests: a path below the mount, perhaps with a method, or a word that is one of the path's segments.
// Tests: test/integration/cache-routes.test.ts
import type { Request } from "express";

type Matcher = (req: Request) => boolean;

/**
 * As Express matches by default: capitals and a slash at the end make no difference. What another router
 * tells apart is matched all the same: it is not cached, or one module more is invalidated.
 */
export function matcherOf(pattern: string): Matcher {
  const slash = pattern.indexOf("/");
  if (slash === -1) {
    const word = pattern.toLowerCase();
    return ({ path }) => segmentsOf(path).includes(word);
  }
  const method = pattern.slice(0, slash).trim();
  const wanted = segmentsOf(pattern.slice(slash));
  return (req) => {
    if (method !== "" && method !== req.method) return false;
    const segments = segmentsOf(req.path);
    return (
      segments.length === wanted.length &&
      wanted.every((segment, index) => segment.startsWith(":") || segment === segments[index])
    );
  };
}

export function segmentsOf(path: string): string[] {
  return path.toLowerCase().split("/").filter(Boolean);
}
