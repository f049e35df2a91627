// One backend of a run of the feed: `node feed-backend.js <FeedBackendConfig as JSON>`, forked by the checker.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import express from "express";
import pg from "pg";
import type { RedisSentinels } from "../../servers/redis-sentinel.js";
import { createFeed } from "../src/feed/index.js";
import { parseCacheOptions } from "../src/options/cache-options.js";
import { KeySpace } from "../src/store/key-space.js";
import { connect } from "../src/store/redis/connect.js";
import { RedisStore } from "../src/store/redis/redis-store.js";
import { createTenantCacheOn } from "../src/tenant-cache.js";
import { type FeedProtection, weakenedDatabase, weakenedStore } from "./feed-protections.js";
import { MODULES, TABLES } from "./feed-writers.js";

export interface FeedBackendConfig {
  readonly databaseUrl: string;
  readonly redis: RedisSentinels["options"] & {
    readonly natMap: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  };
  readonly maxDelayMs: number;
  readonly without?: FeedProtection;
}

const SLOWEST_READ_MS = 20;

const config = JSON.parse(process.argv[2] ?? "") as FeedBackendConfig;
const pool = new pg.Pool({ connectionString: config.databaseUrl, max: 8, connectionTimeoutMillis: 2000 });
pool.on("error", () => undefined);
const feed = createFeed({
  database: weakenedDatabase(pool, config.without),
  tables: TABLES,
  maxDelayMs: config.maxDelayMs,
  probeMs: 0,
});
const quiet = () => undefined;
const options = parseCacheOptions({
  redis: config.redis,
  tenant: (req: { get(name: string): string | undefined }) => req.get("x-tenant"),
  logger: { info: quiet, warn: quiet, error: quiet },
  budgetMs: 250,
  feed,
});
const keys = new KeySpace(options.keyPrefix, false);
const store = weakenedStore(new RedisStore(connect(config.redis), keys), keys, config.without);
const cache = createTenantCacheOn({ store, keys }, options);

const app = express().disable("etag");
for (const [module, sql] of Object.entries(MODULES)) {
  app.get(`/${module}`, cache.cacheList(module, { ttlSeconds: 600 }), async (req, res) => {
    const { rows } = await pool.query(sql, [req.get("x-tenant")]);
    await delay(Math.random() * SLOWEST_READ_MS);
    res.json(rows[0]);
  });
}
app.get("/state", async (_req, res) => {
  res.json((await cache.stats()).feed?.state ?? null);
});
app.use(((_error, _req, res, _next) => void res.sendStatus(500)) as express.ErrorRequestHandler);
process.on("disconnect", () => process.exit(1));
const server = app.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.({ port: (server.address() as AddressInfo).port });
