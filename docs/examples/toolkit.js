// The toolkit: a typed collection, a counter, a lock, warming and watching. Run by backend/cache/test/integration/examples.test.ts.
import express from "express";
import { CacheMonitor, CacheWarmer, createTenantCache } from "express-tenant-cache";

/** Stands for the database. */
export const rows = new Map([["acme/42", { id: "42", name: "Ada" }]]);
export const cache = createTenantCache({
  redis: process.env.REDIS_CACHE_URL,
  tenant: (req) => req.get("x-tenant"),
});
export const app = express().use(express.json());

// Defined once; who could build the same keys is refused. The key is tenant:<tenant>:users:profile:<id>.
const profiles = cache.manager.collection("users:profile:{id}", {
  ttlSeconds: cache.manager.ttl.LONG,
  negativeTtlSeconds: 30,
});

app.get("/users/:id", async (req, res) => {
  const [tenant, id] = [req.get("x-tenant"), req.params.id];
  const profile = await profiles.getOrSet(tenant, { id }, () => rows.get(`${tenant}/${id}`) ?? null);
  // State, not cache: where Redis is away this rejects, and here nobody is refused for that.
  const visits = await cache.manager
    .tenant(tenant)
    .increment("visits:profiles")
    .catch(() => null);
  if (profile) res.json({ ...profile, visits });
  else res.sendStatus(404);
});

app.put("/users/:id", async (req, res) => {
  const [tenant, id] = [req.get("x-tenant"), req.params.id];
  const profile = await profiles.update(tenant, { id }, () => {
    const row = { ...rows.get(`${tenant}/${id}`), ...req.body };
    rows.set(`${tenant}/${id}`, row);
    return row;
  });
  res.json(profile);
});

app.post("/imports", async (req, res) => {
  const space = cache.manager.tenant(req.get("x-tenant"));
  await space.withLock("imports:users", { waitMs: 5000 }, async (signal) => {
    rows.set(`${req.get("x-tenant")}/${req.body.id}`, req.body);
    signal.throwIfAborted();
    await profiles.deleteAll(req.get("x-tenant"));
  });
  res.sendStatus(204);
});

export const warmer = new CacheWarmer(cache, { concurrency: 8 }).register("profiles", {
  tenants: () => ["acme", "other"],
  *entries(tenant) {
    for (const [key, row] of rows)
      if (key.startsWith(`${tenant}/`)) yield () => profiles.getOrSet(tenant, { id: row.id }, () => row);
  },
});
warmer.on("progress", ({ name, done, total }) => console.log(`${name}: ${done} of ${total}`));

export const monitor = new CacheMonitor(cache);
monitor.on("alert", ({ message }) => console.warn(message));
