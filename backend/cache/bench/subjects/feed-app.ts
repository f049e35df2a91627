// The app of the suite `feed`: a list of orders of each tenant, whose cache has a feed or has none.
import { createServer } from "node:http";
import express from "express";
import pg from "pg";
import { createFeed } from "../../src/feed/index.js";
import { createTenantCache } from "../../src/index.js";
import { FEED_TABLES } from "../feed-terms.js";
import type { StartSubject } from "./subject.js";

const TTL_SECONDS = 3600;
/** Often, so that a minute has enough of them. */
const PROBE_MS = 100;
/** Behind a busy core a turn is late; hits are counted here, and not how soon misses follow. */
const READY_WITHIN_MS = 30_000;

const start: StartSubject = async ({ config }) => {
  const pool = new pg.Pool({ connectionString: config.databaseUrl, max: 5 });
  pool.on("error", () => undefined);
  const feed = createFeed({ database: pool, tables: FEED_TABLES, probeMs: PROBE_MS });
  const cache = createTenantCache({
    redis: config.redisUrl,
    tenant: (req) => req.get("x-tenant"),
    ...(config.hasFeed && { feed }),
  });
  let [hits, others] = [0, 0];
  cache.events.on("hit", () => hits++);
  for (const event of ["miss", "bypass"] as const) cache.events.on(event, () => others++);
  const app = express().disable("x-powered-by");
  app.get("/orders", cache.cacheList("orders", TTL_SECONDS), async (req, res) => {
    const sql = "SELECT id, name, total FROM orders WHERE tenant_id = $1 ORDER BY id LIMIT 100";
    res.json((await pool.query(sql, [req.get("x-tenant")])).rows);
  });
  await cache.ready(READY_WITHIN_MS);
  return {
    server: createServer(app),
    controls: {
      feed: async () => (await cache.stats()).feed,
      counts: () => ({ hits, others }),
    },
  };
};

export default start;
