// Jobs that write past the API say so themselves.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
export const app = express();

let rate = 1;

app.get("/rates", cache.cacheList("rates", 600), (_req, res) => res.json({ rate }));

/** Say, every night. */
export async function importRates(tenantIds) {
  rate += 1;
  for (const tenantId of tenantIds) {
    const confirmed = await cache.invalidateTenantCache(tenantId, "rates");
    // False: the store is away. The invalidation is replayed before this process trusts the cache again.
    if (!confirmed) console.warn(`rates of ${tenantId}: invalidated as soon as the cache is back`);
  }
}
