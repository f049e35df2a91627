// What every module's routes are made from.
// Tests: test/http/crud.test.ts

import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { ChangeListener } from "./record-changes.js";

/** For `cacheList`: whichever host was asked, what a module answers to a read is the same. A link with a host in it would make that untrue. */
export const ANSWERS_HAVE_NO_LINKS = "ignore";

export interface ModuleContext {
  readonly pool: Pool;
  /** Hears of every change of a record before it is answered. */
  readonly changes: ChangeListener;
  readonly cache: Pick<TenantCache, "cacheList" | "invalidateCache">;
  readonly ttlSeconds: {
    /** Lists and searches. */
    readonly list: number;
    readonly count: number;
    readonly detail: number;
  };
}
