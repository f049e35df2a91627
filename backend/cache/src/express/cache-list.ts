// `cacheList(module, ttl)`: serves a route from the cache, or fills the cache from it.
import type { RequestHandler } from "express";
import { moduleName } from "../identifiers.js";
import { isRequest, refuseSurplus } from "../options/arguments.js";
import { type CacheListOptions, parseRouteOptions } from "../options/route-options.js";
import { CachedRoute } from "./cached-route.js";
import { dryRunOf } from "./dry-run.js";
import { cachesBehind } from "./express-layers.js";
import type { HttpServices } from "./http-services.js";
import { routeOf } from "./origins.js";

/**
 * Caches what the following handlers answer to GET and QUERY, and answers HEAD from it. Mount it after authentication
 * and after whatever refuses a request, because a hit ends here.
 *
 * @param module names the data; `invalidateCache` of the same name reaches it
 * @param options seconds, the name of a policy, or options. Default 180 seconds
 * @throws TenantCacheError `ETC_MODULE_NAME`, `ETC_TTL`, `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export type CacheList = (module: string, options?: number | string | CacheListOptions) => RequestHandler;

/** @internal */
export function createCacheList(http: HttpServices): CacheList {
  const example = 'app.get("/accounts", cache.cacheList("accounts", 180), handler)';
  return (module: unknown, ttl?: unknown, ...surplus: unknown[]) => {
    if (isRequest(module)) throw http.misuse.uncalled("cacheList", example);
    refuseSurplus(
      "cacheList",
      surplus,
      'one object: cacheList("accounts", { ttlSeconds: 180, dependsOn: ["contacts"] })',
    );
    const route = new CachedRoute(
      http,
      moduleName(module, "cacheList"),
      parseRouteOptions(ttl, http.options.policies),
    );
    return cachesBehind(function cacheListMiddleware(req, res, next) {
      const run = dryRunOf(req);
      if (run) {
        if (route.answers(req.method)) run.reached(route, req);
        else run.over({ kind: "not-cached", route: routeOf(req) });
        return;
      }
      if (req.method !== "GET" && !route.answers(req.method)) return next();
      route.handle(req, res, next);
    });
  };
}
