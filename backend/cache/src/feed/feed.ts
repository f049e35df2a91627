// `createFeed`: what is declared, the SQL that follows from it, and whether the database is so.
// Tests: test/integration/feed-capture.test.ts, test/integration/feed-verify.test.ts

import { registerFeed } from "../engine/feeds.js";
import type { FeedPlace } from "../store/feed-place.js";
import { requirePart } from "../store/store-parts.js";
import { type FeedOptions, type ParsedFeedOptions, parseFeedOptions } from "./feed-options.js";
import { compare, type FeedProblem } from "./feed-problems.js";
import { type FeedSql, feedDiff, feedSql, installFeed } from "./feed-sql.js";
import { FeedOfProcess } from "./running-feed.js";

export interface Feed {
  /** For migrations of your own: `up` and `down`, which can be run again. */
  readonly sql: FeedSql;
  /** The SQL that is missing in the database; `""` where nothing is. Rejects as the database does. */
  diff(): Promise<string>;
  /**
   * Runs what {@link diff} says, in one transaction, as a user who owns the tables. Resolves with whether anything was missing; rejects as the
   * database does, and with its `55P03` where somebody writes to a table for a minute. Writes of the app wait behind it for half a second for each table at most.
   */
  install(): Promise<boolean>;
  /** What is not as declared: its modules are not covered. Empty where all are. Rejects as the database does. */
  verify(): Promise<readonly FeedProblem[]>;
}

class DeclaredFeed implements Feed {
  readonly options: ParsedFeedOptions;
  readonly sql: FeedSql;

  constructor(options: ParsedFeedOptions) {
    this.options = options;
    this.sql = feedSql(options);
  }

  diff(): Promise<string> {
    return feedDiff(this.options);
  }

  install(): Promise<boolean> {
    return installFeed(this.options);
  }

  verify(): Promise<readonly FeedProblem[]> {
    return compare(this.options.database, this.options);
  }
}

/**
 * Declares which tables' changes reach the cache. Asks nothing of the database yet: pass it to `createTenantCache({ feed })`.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_MODULE_NAME`
 */
export function createFeed(options: FeedOptions): Feed {
  const parsed = parseFeedOptions(options);
  const feed = new DeclaredFeed(parsed);
  registerFeed(feed, (parts) => {
    requirePart(parts.store, "feed", "createTenantCache: feed");
    parts.keys.coveredModules = new Set(parsed.tables.map(({ module }) => module));
    // The part is there: it has just been required.
    return new FeedOfProcess(parsed, parts.store.feed?.(parts.keys) as FeedPlace, parts);
  });
  return feed;
}
