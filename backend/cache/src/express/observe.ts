// `cache.observe(module, ttl)`: what caching a route would save, before it is cached.
// Tests: test/integration/advice.test.ts
import type { RequestHandler } from "express";
import { TenantCacheError } from "../errors.js";
import { moduleName } from "../identifiers.js";
import { isRequest, refuseSurplus } from "../options/arguments.js";
import { type CacheListOptions, parseRouteOptions } from "../options/route-options.js";
import { CachedRoute } from "./cached-route.js";
import type { HttpServices } from "./http-services.js";

/**
 * Observes what the following handlers answer, for `cache.advice()`: in the place of `cacheList`, with the
 * same arguments. It looks nothing up, stores nothing, and adds no header unless `headers` says so. Functions
 * that look at a whole answer (`shouldStore`, `tags` with two parameters) are not asked.
 *
 * @throws TenantCacheError `ETC_MODULE_NAME`, `ETC_TTL`, `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export type Observe = (module: string, options?: number | string | CacheListOptions) => RequestHandler;

const NO_HEADERS = { etag: false, cacheControl: false, cacheStatus: false };

/** @internal */
export function createObserve(http: HttpServices): Observe {
  const example = 'app.get("/accounts", cache.observe("accounts", 180), handler)';
  return (module: unknown, ttl?: unknown, ...surplus: unknown[]) => {
    if (isRequest(module)) throw http.misuse.uncalled("observe", example);
    refuseSurplus("observe", surplus, 'one object: observe("accounts", { ttlSeconds: 180 })');
    if (!http.engine.advisor)
      throw new TenantCacheError(
        "ETC_OPTIONS",
        "observe: the cache was made with advice: { enabled: false }, so nothing would be observed: leave that out",
      );
    const options = parseRouteOptions(ttl, http.options.policies, "observe");
    const headers = { ...NO_HEADERS, ...options.headers };
    const name = moduleName(module, "observe");
    const route = new CachedRoute(http, name, { ...options, headers, enabled: false });
    return function observeMiddleware(req, res, next) {
      if (req.method !== "GET" && !route.answers(req.method)) return next();
      route.handle(req, res, next);
    };
  };
}
