// A process with one cached list, whose handler answers only when the parent says so: `node cold-list-process.js <redis url> <key prefix>`.
import { createTenantCache } from "../../src/index.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "./caches.js";
import { serve } from "./http-app.js";

/** What it tells its parent. */
export type ColdListMessage =
  | { readonly kind: "listening"; readonly url: string }
  | { readonly kind: "request-came" }
  | { readonly kind: "handler-ran" };

const [redis = "", keyPrefix = ""] = process.argv.slice(2);
const tell = (message: ColdListMessage) => process.send?.(message);
const cache = createTenantCache({
  redis,
  keyPrefix,
  tenant: (req) => req.get("x-tenant"),
  logger: quiet,
  ...PATIENT,
});
await cache.ready(READY_WITHIN_MS);
const mayAnswer = new Promise<void>((resolve) => process.once("message", () => resolve()));
const app = await serve((express) => {
  express.get(
    "/list",
    (_req, _res, next) => {
      tell({ kind: "request-came" });
      next();
    },
    cache.cacheList("accounts", 180),
    async (_req, res) => {
      tell({ kind: "handler-ran" });
      await mayAnswer;
      res.json([process.pid]);
    },
  );
});
process.once("disconnect", () => process.exit());
tell({ kind: "listening", url: app.url });
