// `express-tenant-cache/feed`: writes that never pass through the API reach the cache. Exports only.
export type { FeedProblem, FeedProblemKind } from "./catalogue.js";
export { createFeed, type Feed } from "./feed.js";
export type { FeedDatabase, FeedListener, FeedOptions, FeedTable } from "./feed-options.js";
export type { FeedSql } from "./feed-sql.js";
