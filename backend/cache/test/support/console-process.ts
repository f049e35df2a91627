// A process with lists and consoles, one of several on one Redis: `node console-process.js <redis url> <key prefix> <consoles>`.

import { randomUUID } from "node:crypto";
import { createTenantCache } from "../../src/index.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "./caches.js";
import { consoleWorld, PEOPLE } from "./console-world.js";

const [redis = "", keyPrefix = "", consoles = "1"] = process.argv.slice(2);
const cache = createTenantCache({
  redis,
  keyPrefix,
  tenant: (req) => req.get("x-tenant"),
  logger: quiet,
  ...PATIENT,
});
await cache.ready(READY_WITHIN_MS);
const world = await consoleWorld(cache, {
  more: (app) => {
    // Another answer with each run, so that what is old is told from what was stored anew.
    app.get("/versions", cache.cacheList("versions", 60), (_req, res) => {
      res.json(randomUUID());
    });
    // Each limits purges for itself.
    for (let index = 0; index < Number(consoles); index++)
      app.use(
        `/console-${index}`,
        cache.console({ authorize: (req) => ({ ...PEOPLE.superadmin, name: req.get("x-name") ?? "sue" }) }),
      );
  },
});
process.once("disconnect", () => process.exit());
process.send?.(world.url);
