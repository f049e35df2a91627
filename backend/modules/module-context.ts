// What every module's routes are made from.
import type { Pool } from "pg";
import type { TenantCache } from "../cache/index.js";

export interface ModuleContext {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "cacheList" | "invalidateCache">;
  readonly ttlSeconds: {
    /** Lists, searches and counts. */
    readonly list: number;
    readonly detail: number;
  };
}
