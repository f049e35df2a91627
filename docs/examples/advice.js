// What caching a route would save: it is observed first, and advice() says what came of it.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({
  tenant: (req) => req.get("x-tenant"),
  advice: { queries: (_req, res) => res.locals.queries },
});
export const app = express();

// In the place of cacheList, with what it will take.
app.get("/accounts/:id", cache.observe("accounts", { ttlSeconds: 180 }), (req, res) => {
  res.locals.queries = 2;
  res.json({ id: req.params.id, name: "Example Ltd" });
});
app.put("/accounts/:id", cache.invalidateCache("accounts"), (_req, res) => {
  res.sendStatus(204);
});

// It names tenants: for operators alone.
app.get("/ops/advice", (req, res) => {
  if (req.get("x-role") !== "operator") return res.sendStatus(403);
  res.json(cache.advice());
});
