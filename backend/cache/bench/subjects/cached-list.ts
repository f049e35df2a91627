// The cache of this repository, in one of its rows.
import { createServer, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import express from "express";
import { createTenantCache, expressServerOptions } from "../../src/index.js";
import { engineOf } from "../../src/tenant-cache.js";
import type { FillerModule } from "../filler.js";
import { patientOptions } from "../patience.js";
import { listHandler } from "./list-handler.js";
import type { StartSubject } from "./subject.js";
import { TTL_SECONDS } from "./ttl.js";

// All 2,000 lists, and what is compressed of them.
const L1_BYTES = 256 * 1024 * 1024;
const KEYS_PER_MODULE = 100_000;
const READY_WITHIN_MS = 60_000;
const SWEPT_WITHIN_MS = 60_000;
const LOOK_AFTER_MS = 20;

/** What the control `sweep` is asked for. */
export interface SweepQuestion {
  readonly modules: readonly FillerModule[];
  /** How many entries they have. */
  readonly entries: number;
}

const start: StartSubject = async (context) => {
  const { redisUrl, row = { front: "express", tier: "local", maxStalenessMs: 0 } } = context.config;
  const cache = createTenantCache({
    redis: redisUrl,
    tenant: (req) => context.tenantOf(req.headers.authorization),
    freshness: row.isLeased ? "leased" : "strict",
    local: { maxBytes: row.tier === "redis" ? 0 : L1_BYTES },
    maxEntriesPerModule: KEYS_PER_MODULE,
    ...patientOptions(),
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
  /** Invalidates modules; resolves when so many entries have been removed behind that. */
  const sweep = async (argument: unknown) => {
    const { modules, entries } = argument as SweepQuestion;
    const enough = cache.health().sweptKeys + entries;
    const giveUpAtMs = performance.now() + SWEPT_WITHIN_MS;
    for (const { tenant, module } of modules) await cache.invalidateTenantCache(tenant, module);
    // Not idle(): a sweep that somebody waits for takes more of the server's time.
    while (cache.health().sweptKeys < enough) {
      if (performance.now() > giveUpAtMs)
        throw new Error(`of ${entries} entries ${enough - cache.health().sweptKeys} were not swept`);
      await delay(LOOK_AFTER_MS);
    }
  };
  /** Begins the walk through all keys that follows where an index was lost. */
  const walk = (target: unknown) => {
    const { store } = engineOf(cache);
    // It ends long after the load, or with this process.
    store.sweepKeyspace?.([target as FillerModule]).catch(() => undefined);
  };
  return {
    server: createServer(row.isPrepared ? expressServerOptions(app) : {}, listener),
    controls: { appRuns: () => appRuns, idle: () => cache.idle(), sweep, walk },
  };
};

export default start;
