// The app that Redis is taken away from: a list and a write whose handlers take a while.
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import express from "express";
import { createTenantCache } from "../../src/index.js";
import { BUDGET_MS, HANDLER_MS } from "../outage-terms.js";
import type { StartSubject } from "./subject.js";

const start: StartSubject = async ({ config }) => {
  const cache = createTenantCache({ redis: config.redisUrl, tenant: () => "tenant", budgetMs: BUDGET_MS });
  const app = express();
  app.get("/list", cache.cacheList("accounts", 180), async (_req, res) => {
    await delay(HANDLER_MS);
    res.json({ rows: [] });
  });
  app.post("/list", cache.invalidateCache("accounts"), async (_req, res) => {
    await delay(HANDLER_MS);
    res.status(201).json({});
  });
  await cache.ready();
  return { server: createServer(app) };
};

export default start;
