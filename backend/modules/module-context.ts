// What every module's routes are made from.
import type { Pool } from "pg";
import type { TenantCache } from "../cache/index.js";
import type { ChangeListener } from "./record-changes.js";

export interface ModuleContext {
  readonly pool: Pool;
  /** Hears of every change of a record before it is answered. */
  readonly changes: ChangeListener;
  readonly cache: Pick<TenantCache, "cacheList" | "invalidateCache">;
  readonly ttlSeconds: {
    /** Lists, searches and counts. */
    readonly list: number;
    readonly detail: number;
  };
}
