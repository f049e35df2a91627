// An Express and PostgreSQL app with a feed, and three lines more (+): no names of modules, no invalidation code.
import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { createFeed } from "express-tenant-cache/feed";
import pg from "pg";

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
export const app = express();

export const feed = createFeed({ database: pool, tables: { accounts: { tenant: "tenant_id" } } });
export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant"), feed }); // +
cache.track(pool); // +
app.use(cache.routes({ dependsOn: "auto" })); // +

app.get("/names", async (req, res) => {
  const sql = "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id";
  res.json((await pool.query(sql, [req.get("x-tenant")])).rows);
});
