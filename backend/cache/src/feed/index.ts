// `express-tenant-cache/feed`: writes that never pass through the API reach the cache. Exports only.

export { createFeed, type Feed } from "./feed.js";
export type { FeedDatabase, FeedListener, FeedOptions, FeedTable } from "./feed-options.js";
export type { FeedProblem, FeedProblemKind } from "./feed-problems.js";
export type { FeedSql } from "./feed-sql.js";
