// The toolkit's warmer, with a strategy for each plan: reads views before anybody asks for them.
// Tests: test/http/cache-operations.test.ts, test/faults/warming.test.ts

import { CacheWarmer, type TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { ModuleContext } from "../../modules/module-context.js";
import type { ViewCache } from "../views/view-cache.js";
import { listStrategies } from "./warm-lists.js";
import { activeTechnicianIds, tenantIds, WARM_PLANS } from "./warm-plans.js";

export interface WarmerOptions {
  readonly pool: Pool;
  readonly cache: TenantCache;
  readonly views: ViewCache;
  readonly ttlSeconds: ModuleContext["ttlSeconds"];
}

/** How long a run waits for a store that is away: as long as a server takes that is restarted. */
const READY_WITHIN_MS = 5000;

export function openWarmer({ pool, cache, views, ttlSeconds }: WarmerOptions): CacheWarmer {
  const warmer = new CacheWarmer(cache, { readyWithinMs: READY_WITHIN_MS });
  for (const [name, plan] of Object.entries(WARM_PLANS)) {
    warmer.register(name, {
      tenants: () => tenantIds(pool),
      entries: async (tenantId) => {
        const technicianIds = await activeTechnicianIds(pool, tenantId);
        const keys = plan({ today: views.today(), technicianIds });
        return keys.map(
          ({ view, params }) =>
            () =>
              views.look(view, tenantId, params),
        );
      },
    });
  }
  const lists = listStrategies({ pool, cache, changes: views, ttlSeconds });
  for (const [name, strategy] of lists) warmer.register(name, strategy);
  return warmer;
}
