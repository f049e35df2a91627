// The cache of this repository, in one of its rows.
import { createServer, type IncomingMessage } from "node:http";
import express from "express";
import { createTenantCache, expressServerOptions } from "../../../backend/cache/index.js";
import { listHandler } from "./list-handler.js";
import type { StartSubject } from "./subject.js";
import { TTL_SECONDS } from "./ttl.js";

// All 2,000 lists, and what is compressed of them.
const L1_BYTES = 256 * 1024 * 1024;
const KEYS_PER_MODULE = 100_000;
const READY_WITHIN_MS = 10_000;

const start: StartSubject = async (context) => {
  const { redisUrl, row = { front: "express", tier: "local", maxStalenessMs: 0 } } = context.config;
  const cache = createTenantCache({
    redis: redisUrl,
    tenant: (req) => context.tenantOf(req.headers.authorization),
    local: { maxBytes: row.tier === "redis" ? 0 : L1_BYTES },
    maxEntriesPerModule: KEYS_PER_MODULE,
  });
  const app = express().disable("x-powered-by");
  let appRuns = 0;
  if (row.front === "lane") {
    app.use((_req, _res, next) => {
      appRuns++;
      next();
    });
  }
  const options = { ttlSeconds: TTL_SECONDS, maxStaleness: row.maxStalenessMs };
  app.get("/accounts", cache.cacheList("accounts", options), listHandler(context));
  if (!(await cache.ready(READY_WITHIN_MS))) throw new Error("the cache is not ready");
  const identify = ({ headers }: IncomingMessage) => {
    const tenant = context.tenantOf(headers.authorization);
    return tenant === undefined ? undefined : { tenant };
  };
  const listener = row.front === "lane" ? cache.lane(app, { identify }) : app;
  /** Resolves when nothing is left of what was invalidated. */
  const sweep = async (argument: unknown) => {
    const { tenant, module } = argument as { tenant: string; module: string };
    await cache.invalidateTenantCache(tenant, module);
    await cache.idle();
  };
  return {
    server: createServer(row.isPrepared ? expressServerOptions(app) : {}, listener),
    controls: { appRuns: () => appRuns, idle: () => cache.idle(), sweep },
  };
};

export default start;
