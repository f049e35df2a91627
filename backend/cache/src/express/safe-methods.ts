// Which requests change nothing.
// Tests: test/integration/invalidate-cache.test.ts

/** RFC 9110 section 9.2.1, and QUERY: RFC 10008. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]);

export function isSafe(method: string): boolean {
  return SAFE.has(method);
}
