// What the feed asks of a database.
// Tests: test/unit/refusals/feed-options.test.ts

/** What the feed asks of a database: `query` of a `Pool` of node-postgres, or of what behaves like it. */
export interface FeedDatabase {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** @internal */
export function isDatabase(value: unknown): value is FeedDatabase {
  return typeof (value as Partial<FeedDatabase> | null | undefined)?.query === "function";
}
