// An app with planted faults, for operators to find: a route in front of authentication, a TTL of 5 s, and a list that a job changes.
import type { RequestHandler } from "express";
import type { TenantCache } from "../../src/index.js";
import { type ConsoleWorld, consoleWorld } from "./console-world.js";

export interface FaultyApp extends ConsoleWorld {
  /** Where the command line asks. */
  readonly operationsUrl: string;
  runJob(): void;
}

/** The tenant of a request is what its `authenticate` has found: `tenantId`. */
export async function openFaultyApp(cache: TenantCache): Promise<FaultyApp> {
  let rate = 1;
  const authenticate: RequestHandler = (req, _res, next) => {
    Object.assign(req, { tenantId: req.get("x-tenant") });
    next();
  };
  const world = await consoleWorld(cache, {
    more: (app) => {
      app.use(
        "/ops/cache-api",
        cache.operations({ authorize: () => ({ view: true, tenants: "all", name: "the command line" }) }),
      );
      app.get("/reports", cache.cacheList("reports", 60), (_req, res) => void res.json([]));
      app.use(authenticate);
      app.get("/prices/:id", cache.cacheList("prices", 5), (req, res) => void res.json(req.params));
      app.get("/rates/:id", cache.cacheList("rates", 2), (_req, res) => void res.json({ rate }));
      app.post("/rates", cache.invalidateCache("rates"), (_req, res) => void res.sendStatus(204));
      app.get("/files/:id", cache.cacheList("files", 600), (req, res) => {
        res.json({ id: req.params.id, text: "x".repeat(4000) });
      });
    },
  });
  return {
    ...world,
    operationsUrl: `${world.url}/ops/cache-api`,
    runJob: () => {
      rate += 1;
    },
  };
}
