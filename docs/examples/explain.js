// Why is this not cached, why was that a miss, and who made it stale: for operators, as routes of the app.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({
  redis: process.env.REDIS_CACHE_URL,
  tenant: (req) => req.get("x-tenant"),
  // Pseudonyms of who has changed something: the same key in all processes.
  actor: (req) => req.get("x-user"),
  causes: { secret: process.env.CAUSES_SECRET ?? "a secret that is long enough" },
});
export const app = express();

// In a real API: from a session or a token, never from what a client claims.
const accessOf = (req) => {
  if (req.get("x-role") === "operator") return { view: true, tenants: "all", purge: true, name: "operator" };
  if (req.get("x-role") === "admin") return { view: true, tenants: [req.get("x-tenant")] };
  return false;
};
app.use("/ops/cache-api", cache.operations({ authorize: accessOf }));

app.get("/accounts/:id", cache.cacheList("accounts", 180), (req, res) => {
  res.json({ id: req.params.id, name: "Example Ltd" });
});
app.put("/accounts/:id", cache.invalidateCache("accounts"), (_req, res) => {
  res.sendStatus(204);
});

/** A job says who it is, so that it can be told what it has made stale. */
export function importAccounts(tenantId) {
  return cache.because({ job: "nightly import" }, () => cache.invalidateTenantCache(tenantId, "accounts"));
}
