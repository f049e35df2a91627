// The tenant comes from a verified token: authenticate first, then cache. With Passport it is `(req) => req.user?.tenantId`.
import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { jwtVerify } from "jose";

const secret = new TextEncoder().encode(
  process.env.JWT_SECRET ?? "a-secret-of-at-least-32-bytes-for-the-example",
);

export const cache = createTenantCache({ tenant: (req) => req.auth?.tenantId });
export const app = express();

app.use(async (req, res, next) => {
  try {
    const token = req.get("authorization")?.replace(/^Bearer /, "") ?? "";
    const { payload } = await jwtVerify(token, secret, { algorithms: ["HS256"] });
    req.auth = { tenantId: payload.tenant_id };
    next();
  } catch {
    res.status(401).end();
  }
});

app.get("/me", cache.cacheList("settings", 1800), (req, res) => {
  res.json({ tenant: req.auth.tenantId });
});
