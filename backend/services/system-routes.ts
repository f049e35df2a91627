// /api/system: health for machines, cache statistics for administrators.
// Tests: test/http/problems.test.ts, test/http/identity.test.ts
import { type RequestHandler, Router } from "express";
import type { TenantCache } from "express-tenant-cache";
import * as z from "zod";
import type { HealthDetails } from "../config/health-details.js";
import { identityOf, requireIdentity, requireRole } from "../http/identity/authenticate.js";
import { chooseTenant } from "../http/identity/tenant-choice.js";
import { dataOf } from "../http/openapi/named-schemas.js";
import { route } from "../http/route-methods.js";
import { validatedQuery } from "../http/validation.js";
import { noParameters } from "../modules/list-query.js";
import { checkHealth, detailsFor, type HealthReport, type HealthSources } from "./health.js";
import { cacheStats, systemHealth } from "./operations/report-schemas.js";

const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader("Cache-Control", "no-store");
  next();
};

/** Without identity: load balancers and orchestrators have none. */
export function healthRouter(sources: HealthSources): Router {
  const router = Router();
  const { details = "figures" } = sources;
  const report: RequestHandler = async (req, res) => {
    const { status, checks } = await checkHealth(sources);
    const told = toldOf(checks, detailsFor(req, details));
    res.status(status === "unavailable" ? 503 : 200).json({ status, checks: told });
  };
  router.use(noStore);
  const answers = { 200: systemHealth, 503: systemHealth };
  route(router, "/", { get: [report] }, { get: { summary: "Whether all is well", answers } });
  route(router, "/ready", { get: [report] }, { get: { summary: "Whether it should get requests", answers } });
  // Says only that the event loop turns: a process is not to be restarted because its database is away.
  route(
    router,
    "/live",
    {
      get: [
        (_req, res) => {
          res.json({ status: "ok" });
        },
      ],
    },
    {
      get: {
        summary: "Whether the process is alive",
        answers: { 200: z.strictObject({ status: z.literal("ok") }) },
      },
    },
  );
  return router;
}

/** Why the cache is away names its server (`connect ECONNREFUSED 10.0.0.5:6380`), so that is for those who are told of the server. */
function toldOf(checks: HealthReport["checks"], details: HealthDetails): Record<string, unknown> {
  if (details === "server") return checks;
  if (details === "figures") {
    const { reason: _reason, ...cache } = checks.cache;
    return { ...checks, cache };
  }
  return Object.fromEntries(Object.entries(checks).map(([name, { status }]) => [name, { status }]));
}

/** An admin sees the own tenant; a superadmin all of them, or the chosen one. */
export function cacheStatsRouter(cache: Pick<TenantCache, "stats">): Router {
  const router = Router();
  const stats: RequestHandler = async (req, res) => {
    const { role, tenantId } = identityOf(req);
    const chosen = role === "superadmin" ? req.query.tenant_id !== undefined : true;
    const filter = chosen && tenantId !== undefined ? { tenantId } : { perTenant: true };
    res.json({ data: await cache.stats(filter) });
  };
  router.use(noStore);
  route(
    router,
    "/",
    {
      get: [requireIdentity, requireRole("admin"), chooseTenant, validatedQuery(noParameters).check, stats],
    },
    { get: { summary: "Figures of the cache", answers: { 200: dataOf(cacheStats) } } },
  );
  return router;
}
