// Writes by psql and jobs are seen: a feed on PostgreSQL, declared, and no invalidation code.
import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { createFeed } from "express-tenant-cache/feed";
import pg from "pg";

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
export const feed = createFeed({
  database: pool,
  tables: { accounts: { module: "accounts", tenant: "tenant_id" } },
});
export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant"), feed });
export const app = express();

app.get("/accounts", cache.cacheList("accounts", 300), async (req, res) => {
  const sql = "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id";
  res.json((await pool.query(sql, [req.get("x-tenant")])).rows);
});
