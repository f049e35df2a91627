// The suite's origin server as an Express app, with the cache in front of its handler.
import type { Express, Request, RequestHandler } from "express";
import handleConfig from "http-cache-tests/server/handle-config.mjs";
import handleState from "http-cache-tests/server/handle-state.mjs";
import handleTest from "http-cache-tests/server/handle-test.mjs";
import { configs } from "http-cache-tests/server/utils.mjs";
import type { TenantCache, TenantCacheOptions } from "../../src/index.js";
import { optedInRoute } from "./opted-in-route.js";

const MODULE = "responses";

/** Each test is a tenant, so that a mutation in one does not reach the entries of another; whoever is authorized has a view of their own. */
export const IDENTITY = {
  tenant: uuidOf,
  scope: (req) => req.get("authorization") ?? "anybody",
} satisfies Partial<TenantCacheOptions>;

/** Builds the app's routes: `/config`, `/state`, and `/test` behind `cacheList` and `invalidateCache`. */
export function mountSuite(app: Express, { cacheList, invalidateCache }: TenantCache): void {
  const routes = new Map<string, RequestHandler>();
  const routeOf = (uuid: string): RequestHandler => {
    const known = routes.get(uuid);
    if (known) return known;
    const options = optedInRoute(configs.get(uuid) ?? []);
    const route: RequestHandler = options ? cacheList(MODULE, options) : (_req, _res, next) => next();
    routes.set(uuid, route);
    return route;
  };
  app.all(
    "/test/*rest",
    invalidateCache(MODULE),
    (req, res, next) => routeOf(uuidOf(req))(req, res, next),
    (req, res) => handleTest(segmentsOf(req), req, res),
  );
  app.all("/config/*rest", (req, res) => handleConfig(segmentsOf(req), req, res));
  app.all("/state/*rest", (req, res) => handleState(segmentsOf(req), req, res));
}

/** What follows `/test`, `/config` or `/state`: a test's uuid first. */
function segmentsOf(req: Request): string[] {
  return req.path.split("/").slice(2);
}

function uuidOf(req: Request): string {
  return segmentsOf(req)[0] ?? "";
}
