// A process that reads orders through a cache with a feed, and so drains where nobody else does. Argument: what it connects to, as JSON.
import pg from "pg";
import { createFeed } from "../../src/feed/index.js";
import { createTenantCache } from "../../src/index.js";
import { TABLES } from "./feed-tables.js";
import { serve } from "./http-app.js";

export interface FeedProcessArguments {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly keyPrefix: string;
}

const { databaseUrl, redisUrl, keyPrefix } = JSON.parse(process.argv[2] ?? "") as FeedProcessArguments;
const pool = new pg.Pool({ connectionString: databaseUrl, max: 5 });
pool.on("error", () => undefined);
const cache = createTenantCache({
  redis: redisUrl,
  keyPrefix,
  tenant: (req) => req.get("x-tenant"),
  feed: createFeed({ database: pool, tables: TABLES, probeMs: 0 }),
});
const app = await serve((express) => {
  express.get("/orders", cache.cacheList("orders", { ttlSeconds: 600 }), async (req, res) => {
    const { rows } = await pool.query("SELECT id, total FROM orders WHERE tenant_id = $1", [
      req.get("x-tenant"),
    ]);
    res.json(rows);
  });
});
const warm = async () => (await app.request("/orders", { tenant: "t0" })).cache === "hit";
while (!((await warm()) && (await cache.stats()).feed?.state === "draining"))
  await new Promise((resolve) => setTimeout(resolve, 20));
process.send?.("draining");
