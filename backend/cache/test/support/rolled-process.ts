// One of several processes of an app that are replaced one by one: `node rolled-process.js <redis url> <key prefix> <freshness>`.
import { Redis } from "ioredis";
import { createTenantCache } from "../../src/index.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "./caches.js";
import { serve } from "./http-app.js";

/** What it tells its parent. */
export type RolledMessage =
  | { readonly kind: "listening"; readonly url: string }
  | { readonly kind: "handler-ran" };

const [redis = "", keyPrefix = "", freshness = "strict"] = process.argv.slice(2);
const tell = (message: RolledMessage) => process.send?.(message);
// Not below the prefix: what the app has is not the cache's.
const truth = new Redis(redis);
const version = `truth-of:${keyPrefix}`;
const cache = createTenantCache({
  redis,
  keyPrefix,
  tenant: (req) => req.get("x-tenant"),
  freshness: freshness === "leased" ? "leased" : "strict",
  logger: quiet,
  ...PATIENT,
});
await cache.ready(READY_WITHIN_MS);
const app = await serve((express) => {
  express.get("/lists/:id", cache.cacheList("lists", 180), async (req, res) => {
    tell({ kind: "handler-ran" });
    res.json({ id: req.params.id, version: Number((await truth.get(version)) ?? 0) });
  });
  express.post("/lists", cache.invalidateCache("lists"), async (_req, res) => {
    res.status(201).json({ version: await truth.incr(version) });
  });
});
// As an app ends: nobody asks it any more.
process.once("message", async () => {
  await app.close();
  await cache.close();
  process.exit();
});
process.once("disconnect", () => process.exit());
tell({ kind: "listening", url: app.url });
