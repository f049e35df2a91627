// Two caches in one app: responses in one, slow settings in another, on one Redis and kept apart by their prefixes.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

const shared = { redis: process.env.REDIS_CACHE_URL, tenant: (req) => req.get("x-tenant") };

export const lists = createTenantCache({ ...shared, keyPrefix: "lists:" });
export const settings = createTenantCache({ ...shared, keyPrefix: "settings:", budgetMs: 20 });
export const app = express();

app.get("/lists", lists.cacheList("lists", 180), (_req, res) => res.json([]));
app.get("/settings", settings.cacheList("settings", 1800), (_req, res) => res.json({}));
app.put("/settings", settings.invalidateCache("settings"), (_req, res) => res.status(204).end());
