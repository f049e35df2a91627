// /health and /api/health: whether all is well, with the cache's figures, under the names that operators' dashboards read.
import { type RequestHandler, Router } from "express";
import { route } from "../../http/route-methods.js";
import { checkHealth, type HealthSources } from "../health.js";
import { type CacheFigures, humanBytes } from "./cache-figures.js";

export interface OperatorHealthOptions extends HealthSources {
  readonly figures: () => Promise<CacheFigures>;
}

/** Without identity, as load balancers ask. The figures of the cache may be some seconds old; its status is not. */
export function operatorHealthRouter({ figures, ...sources }: OperatorHealthOptions): Router {
  const router = Router();
  const report: RequestHandler = async (_req, res) => {
    const [{ status, checks }, { totals, server }] = await Promise.all([checkHealth(sources), figures()]);
    const { connected, latencyMs } = checks.cache;
    res.setHeader("Cache-Control", "no-store");
    res.status(status === "unavailable" ? 503 : 200).json({
      status,
      timestamp: new Date().toISOString(),
      uptime: checks.process.uptimeSeconds,
      database: { status: checks.database.status, latency: checks.database.latencyMs },
      cache: {
        status: connected ? "connected" : "disconnected",
        connected,
        latency: latencyMs,
        hits: totals.hits,
        misses: totals.misses,
        sets: totals.sets,
        deletes: totals.invalidations,
        errors: totals.errors,
        hit_ratio: totals.hitRatio,
        server: server && {
          version: server.version,
          uptime_in_seconds: server.uptimeSeconds,
          connected_clients: server.connectedClients,
          used_memory: server.usedMemoryBytes,
          used_memory_human: humanBytes(server.usedMemoryBytes),
        },
      },
    });
  };
  route(router, "/", { get: [report] });
  return router;
}
