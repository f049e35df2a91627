// What an operator clears by HTTP: everything, a module of all tenants, a tenant, or one URL.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
export const app = express();

let version = 1;
app.get("/plans/:id", cache.cacheList("plans", 600), (_req, res) => res.json({ version }));

const operatorsOnly = (req, res, next) => (req.get("x-role") === "operator" ? next() : res.sendStatus(403));

app.post("/admin/cache/clear", operatorsOnly, express.json(), async (req, res) => {
  const { tenant, module, url } = req.body ?? {};
  version += 1;
  // False: the store is away. What was said is replayed before this process trusts it again.
  const confirmed = url
    ? await cache.forget({ tenant, url })
    : tenant && module
      ? await cache.invalidateTenantCache(tenant, module)
      : tenant
        ? await cache.invalidateAllTenant(tenant)
        : module
          ? await cache.invalidateModule(module)
          : await cache.clear();
  res.status(confirmed ? 200 : 202).json({ confirmed });
});
