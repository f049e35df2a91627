// /api/cache: figures for operators' dashboards, and warming on demand.
// Tests: test/http/cache-operations.test.ts
import { type RequestHandler, Router } from "express";
import type { CacheMonitor, CacheWarmer } from "express-tenant-cache";
import * as z from "zod";
import { identityOf, requireRole } from "../../http/identity/authenticate.js";
import { chooseTenant } from "../../http/identity/tenant-choice.js";
import { route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { noParameters } from "../../modules/list-query.js";
import type { ViewCache } from "../views/view-cache.js";
import { WARM_PLAN_NAMES } from "../warming/warm-plans.js";
import { isColdAltogether, warmReport } from "../warming/warm-report.js";
import { cacheMetrics, warmAnswer } from "./report-schemas.js";

export interface CacheRoutesOptions {
  readonly monitor: CacheMonitor;
  readonly views: ViewCache;
  readonly warmer: CacheWarmer;
}

const RETRY_AFTER_SECONDS = 10;
const warmBody = z.strictObject({
  plans: z
    .array(z.enum(WARM_PLAN_NAMES, `must be one of ${WARM_PLAN_NAMES.join(", ")}`))
    .min(1)
    .optional(),
});

/** For administrators: figures of this process and the whole server; warming of their own tenant, for superadmins of all. */
export function cacheRouter({ monitor, views, warmer }: CacheRoutesOptions): Router {
  const router = Router();
  const body = validatedBody(warmBody);
  const admission = [requireRole("admin"), chooseTenant, validatedQuery(noParameters).check];

  const metrics: RequestHandler = async (_req, res) => {
    res.setHeader("Cache-Control", "no-store");
    res.json({ ...(await monitor.metrics()), views: views.report() });
  };
  const warm: RequestHandler = async (req, res) => {
    const { tenantId } = identityOf(req);
    const { plans } = body.of(req);
    const startedAtMs = performance.now();
    const results = await warmer.warmAll({
      names: plans,
      tenantIds: tenantId === undefined ? undefined : [tenantId],
    });
    const durationMs = Math.round(performance.now() - startedAtMs);
    const reports = results.map(warmReport);
    if (isColdAltogether(reports)) res.status(503).setHeader("Retry-After", RETRY_AFTER_SECONDS);
    res.json({
      results: reports,
      duration_ms: durationMs,
      timestamp: new Date().toISOString(),
    });
  };

  route(
    router,
    "/metrics",
    { get: [...admission, metrics] },
    { get: { summary: "Figures of the cache, its server and the views", answers: { 200: cacheMetrics } } },
  );
  route(
    router,
    "/warm",
    { post: [...admission, jsonBody, body.check, warm] },
    { post: { summary: "Warm the cache now", answers: { 200: warmAnswer, 503: warmAnswer } } },
  );
  return router;
}
