// The toolkit's warmer, with a strategy for each plan: reads views before anybody asks for them.
import type { Pool } from "pg";
import { CacheWarmer, type TenantCache } from "../../cache/index.js";
import type { ViewCache } from "../views/view-cache.js";
import { activeTechnicianIds, tenantIds, WARM_PLAN_NAMES, WARM_PLANS } from "./warm-plans.js";

export interface WarmerOptions {
  readonly pool: Pool;
  readonly cache: TenantCache;
  readonly views: ViewCache;
}

/** How long a run waits for a store that is away. */
const READY_WITHIN_MS = 1000;

export function openWarmer({ pool, cache, views }: WarmerOptions): CacheWarmer {
  const warmer = new CacheWarmer(cache, { readyWithinMs: READY_WITHIN_MS });
  for (const plan of WARM_PLAN_NAMES) {
    warmer.register(plan, {
      tenants: () => tenantIds(pool),
      entries: async (tenantId) => {
        const technicianIds = await activeTechnicianIds(pool, tenantId);
        const keys = WARM_PLANS[plan]({ today: views.today(), technicianIds });
        return keys.map(
          ({ view, params }) =>
            () =>
              views.read(view, tenantId, params),
        );
      },
    });
  }
  return warmer;
}
