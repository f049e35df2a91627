// The option `feed` of `createTenantCache`: what `createFeed` has returned.
// Tests: test/unit/refusals/feed-options.test.ts
import * as z from "zod";
import { FEEDS } from "../known-feeds.js";

/** What `createFeed` of `express-tenant-cache/feed` returns. */
export interface FeedOption {
  verify(): Promise<readonly object[]>;
}

/** @internal */
export const feedOption = z
  .custom<FeedOption>((value) => FEEDS.has(Object(value)), {
    error: 'write what createFeed of "express-tenant-cache/feed" returned',
  })
  .describe("a feed of createFeed")
  .optional();
