// Tags reach single records across modules: changing one account touches what shows it, and leaves the rest cached.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
export const app = express();

const names = new Map([
  ["1", "First Ltd"],
  ["2", "Second Ltd"],
]);
const tags = (req) => [`account-${req.params.id}`];

app.get("/accounts/:id", cache.cacheList("accounts", { ttlSeconds: 300, tags }), (req, res) => {
  res.json({ name: names.get(req.params.id) });
});
app.put("/accounts/:id", express.json(), cache.invalidateCache({ tags }), (req, res) => {
  names.set(req.params.id, req.body.name);
  res.json({ name: req.body.name });
});
