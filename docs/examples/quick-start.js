// The README's example, runnable: npm run build && node docs/examples/quick-start.js
import express from "express";
import { createTenantCache } from "express-tenant-cache";

const { cacheList, invalidateCache } = createTenantCache({
  redis: process.env.REDIS_CACHE_URL, // not set: entries stay in this process
  tenant: (req) => req.get("x-tenant"), // in a real API: from the verified token
});
const accounts = [{ tenant: "acme", name: "Example Ltd" }];
const app = express();

app.get("/accounts", cacheList("accounts", 180), (req, res) => {
  res.json(accounts.filter(({ tenant }) => tenant === req.get("x-tenant")));
});
app.post("/accounts", express.json(), invalidateCache("accounts"), (req, res) => {
  accounts.push({ tenant: req.get("x-tenant"), name: req.body.name });
  res.status(201).json({ name: req.body.name });
});

const server = app.listen(process.env.PORT ?? 4002, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/accounts`);
});
