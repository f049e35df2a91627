// Lists of modules, warmed as the routes they are: the first page and the count, as every client asks for them first.
// Tests: test/http/cache-operations.test.ts, test/faults/warming.test.ts
import express, { type Express, Router } from "express";
import type { RouteStrategy } from "express-tenant-cache";
import { activeTenantIds } from "../../db/tenant-activity.js";
import { mountModules } from "../../modules/index.js";
import type { ModuleContext } from "../../modules/module-context.js";

/** Modules whose lists a day's work begins with. */
export const WARM_LISTS = ["accounts", "leads", "contacts", "bizdevsources"] as const;

const TENANT_HEADER = "x-warmed-tenant";

/** A strategy for each list, of the tenants that were active. */
export function listStrategies(context: ModuleContext): ReadonlyMap<string, RouteStrategy> {
  const app = moduleApp(context);
  return new Map(
    WARM_LISTS.map((module) => [
      module,
      {
        app,
        tenants: () => activeTenantIds(context.pool),
        urls: [`/api/${module}`, `/api/${module}/count`],
        headers: (tenantId) => ({ [TENANT_HEADER]: tenantId }),
      },
    ]),
  );
}

/**
 * The modules' routes, for a tenant that is named instead of proved: reachable from this process alone. Entries are those of the API,
 * because neither host nor token is part of their keys.
 */
function moduleApp(context: ModuleContext): Express {
  const app = express();
  app.set("query parser", "simple");
  app.set("etag", false);
  const api = Router();
  api.use((req, _res, next) => {
    const tenantId = req.get(TENANT_HEADER);
    if (tenantId !== undefined)
      req.auth = { subject: "warming", role: "viewer", tenantId, expiresAtMs: Number.POSITIVE_INFINITY };
    next();
  });
  mountModules(api, context, WARM_LISTS);
  app.use("/api", api);
  return app;
}
