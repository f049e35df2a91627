// /health and /api/health: whether all is well, with the cache's figures, under the names that operators' dashboards read.
// Tests: test/http/cache-operations.test.ts
import { type RequestHandler, Router } from "express";
import type { CacheMonitor } from "express-tenant-cache";
import { route } from "../../http/route-methods.js";
import { checkHealth, detailsFor, type HealthSources } from "../health.js";
import { humanBytes, recentFigures } from "./cache-figures.js";
import { operatorHealth } from "./report-schemas.js";

export interface OperatorHealthOptions extends HealthSources {
  readonly monitor: CacheMonitor;
}

type QuickServer = Awaited<ReturnType<ReturnType<typeof recentFigures>>>["server"];

/** Without identity, as load balancers ask; with that of an administrator it tells more. The figures of the cache may be a second old; its status is not. */
export function operatorHealthRouter({ monitor, ...sources }: OperatorHealthOptions): Router {
  const figures = recentFigures(monitor);
  const router = Router();
  const { details = "figures" } = sources;
  const report: RequestHandler = async (req, res) => {
    const told = detailsFor(req, details);
    const [{ status, checks }, { totals, server }] = await Promise.all([checkHealth(sources), figures()]);
    const { connected, latencyMs } = checks.cache;
    res.setHeader("Cache-Control", "no-store");
    res.status(status === "unavailable" ? 503 : 200);
    if (told === "status") {
      res.json({
        status,
        timestamp: new Date().toISOString(),
        database: { status: checks.database.status },
        ...(checks.state && { state: { status: stateWord(checks.state) } }),
        cache: { status: connected ? "connected" : "disconnected", connected },
      });
      return;
    }
    res.json({
      status,
      timestamp: new Date().toISOString(),
      uptime: checks.process.uptimeSeconds,
      database: {
        status: checks.database.status,
        latency: checks.database.latencyMs,
        reason: checks.database.reason,
      },
      ...(checks.state && { state: { status: stateWord(checks.state), reason: checks.state.reason } }),
      cache: {
        status: connected ? "connected" : "disconnected",
        connected,
        latency: latencyMs,
        hits: totals.hits,
        misses: totals.misses,
        sets: totals.sets,
        deletes: totals.invalidations,
        quota_evictions: totals.quotaEvictions,
        errors: totals.errors,
        hit_ratio: totals.hitRatio,
        alerts: monitor.alerts.map(({ name, message }) => ({ name, message })),
        ...(told === "server" && { server: serverFigures(server) }),
      },
    });
  };
  const answers = { 200: operatorHealth, 503: operatorHealth };
  route(
    router,
    "/",
    { get: [report] },
    { get: { summary: "Whether all is well, for operators' dashboards", answers } },
  );
  return router;
}

const stateWord = ({ status }: { readonly status: string }) =>
  status === "ok" ? "connected" : "disconnected";

function serverFigures(server: QuickServer): Record<string, unknown> | null {
  return (
    server && {
      version: server.version,
      uptime_in_seconds: server.uptimeSeconds,
      connected_clients: server.connectedClients,
      used_memory: server.usedMemoryBytes,
      used_memory_human: humanBytes(server.usedMemoryBytes),
    }
  );
}
