// The app of the suite `scale`: lists of four modules, whose answers say whose they are and of which version, and what operators look at.
import { createServer } from "node:http";
import express from "express";
import { Redis } from "ioredis";
import { createTenantCache } from "../../src/index.js";
import { engineOf } from "../../src/tenant-cache.js";
import { patientOptions } from "../patience.js";
import { type FillQuestion, fillTenants } from "../scale-filling.js";
import { bodyOf } from "../scale-population.js";
import { MAX_ENTRIES, MAX_TENANT_BYTES, MODULES, TTL_SECONDS } from "../scale-terms.js";
import type { StartSubject } from "./subject.js";

const READY_WITHIN_MS = 60_000;

const start: StartSubject = async ({ config }) => {
  const { scale } = config;
  if (!scale) throw new Error("scale-app needs a Cluster and the truth");
  const truth = new Redis(scale.truthUrl);
  const cache = createTenantCache({
    redis: { cluster: scale.cluster },
    keyPrefix: scale.keyPrefix,
    tenant: (req) => req.get("x-tenant"),
    maxEntriesPerModule: MAX_ENTRIES,
    maxBytesPerTenant: MAX_TENANT_BYTES,
    ...patientOptions(),
  });
  const app = express().disable("x-powered-by");
  const placeOf = (req: express.Request) => `versions:${req.get("x-tenant")}`;
  for (const module of MODULES) {
    app.get(`/${module}/:list`, cache.cacheList(module, TTL_SECONDS), async (req, res) => {
      const version = Number((await truth.hget(placeOf(req), module)) ?? 0);
      res.type("json").end(bodyOf(req.get("x-tenant") ?? "", req.path, version));
    });
    app.post(`/${module}`, cache.invalidateCache(module), async (req, res) => {
      res.status(201).json({ version: await truth.hincrby(placeOf(req), module, 1) });
    });
  }
  app.use("/ops/cache", cache.console({ authorize: () => ({ view: true, tenants: "all" }) }));
  app.get("/metrics", cache.metricsHandler({ authorize: () => true }));
  if (!(await cache.ready(READY_WITHIN_MS))) throw new Error("the cache is not ready");
  const filled = new Map<string, number>();
  return {
    server: createServer(app),
    controls: {
      fill: (question) => fillTenants(engineOf(cache), question as FillQuestion, filled),
      health: () => {
        const { pendingSweeps, sweptKeys } = cache.health();
        return { pendingSweeps, sweptKeys };
      },
      stats: async () => {
        const startedAtMs = performance.now();
        const { tenants = {} } = await cache.stats({ perTenant: true });
        return { tookMs: performance.now() - startedAtMs, tenants: Object.keys(tenants).length };
      },
    },
  };
};

export default start;
