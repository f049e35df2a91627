// The feeds that there are, by what `createFeed` has returned: the cache does not load what makes them.
// Tests: test/unit/refusals/feed-options.test.ts

/** What opens each of them: see `engine/feeds.ts`. */
export const FEEDS = new WeakMap<object, unknown>();
