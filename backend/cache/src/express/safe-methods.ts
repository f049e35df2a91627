// Which requests change nothing.
// Tests: test/integration/invalidate-cache.test.ts

/** RFC 9110 section 9.2.1. */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "TRACE";
}
