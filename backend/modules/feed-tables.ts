// Which tables' changes reach the cache, also past the API: those of the modules, as they are defined.
// Tests: test/faults/feed.test.ts
import type { FeedTable } from "express-tenant-cache/feed";
import { MODULES } from "./index.js";

/** A module's name is that of its table. */
export function feedTables(): Record<string, FeedTable> {
  return Object.fromEntries(MODULES.map(({ name }) => [name, { module: name, tenant: "tenant_id" }]));
}
