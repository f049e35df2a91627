// SCAN MATCH patterns: ids are data there, never patterns.
// Tests: test/contract/redis-store.test.ts

/** Escapes what a Redis glob gives a meaning to, so that a tenant called `*` matches only itself. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]^\-\\]/g, "\\$&");
}
