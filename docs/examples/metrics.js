// Figures for Prometheus: a route of the cache's own, and the app's own registry with both in it.
import express from "express";
import { createTenantCache, StalenessProbe } from "express-tenant-cache";
import { Counter, Registry } from "prom-client";

export const cache = createTenantCache({
  redis: process.env.REDIS_CACHE_URL,
  tenant: (req) => req.get("x-tenant"),
});
/** Writes and reads through the cache, and tells where a read was stale: start one in every process. */
export const probe = new StalenessProbe(cache, { intervalMs: 10_000 });
export const app = express();

// The figures are of all tenants. In a real API: a token of Prometheus's, or a port that only it reaches.
const authorize = (req) =>
  req.get("authorization") === `Bearer ${process.env.METRICS_TOKEN ?? "a-token-of-prometheus"}`;

app.get("/orders", cache.cacheList("orders", 60), (_req, res) => {
  res.json([]);
});
app.get("/metrics", cache.metricsHandler({ authorize }));

const registry = new Registry();
const mails = new Counter({ name: "app_mails_total", help: "Mails sent", registers: [registry] });
mails.inc();
app.get("/all-metrics", cache.metricsHandler({ authorize, registry }));
