// `@Cached` and `@Invalidates`: `cacheList` and `invalidateCache` for handlers and controllers of Nest.
// Tests: test/package/nest.test.ts
import { applyDecorators, UseInterceptors } from "@nestjs/common";
import type { RequestHandler } from "express";
import type { InvalidateOptions } from "../options/invalidate-options.js";
import type { CacheListOptions } from "../options/route-options.js";
import { cachesAsInterceptor } from "./dry-run-guard.js";
import { routeInterceptor } from "./route-interceptor.js";

type Decorator = MethodDecorator & ClassDecorator;

/**
 * Caches what a handler answers to GET, as `cacheList` does: `@Cached("accounts", 180)`. On a controller: what
 * all its handlers answer to GET. Guards run for each request, before the cache is asked; pipes and the handler
 * do not run for a hit.
 *
 * Versions of a route (`@Version("2")`) have entries of their own, however the version is asked for.
 *
 * @param module names the data; `@Invalidates` of the same name reaches it
 * @param ttl seconds, or the options of `cacheList`. Default 180 seconds
 * @throws TenantCacheError while the application starts: what `cacheList` throws
 */
export function Cached(module: string, ttl?: number | CacheListOptions): Decorator {
  return applyDecorators(
    UseInterceptors(
      cachesAsInterceptor(
        routeInterceptor((cache, version) =>
          cache.cacheList(module, version === undefined ? ttl : withVersion(ttl, version)),
        ),
      ),
    ),
  );
}

/**
 * Invalidates modules, or tags, after a handler that is not refused, as `invalidateCache` does:
 * `@Invalidates("accounts")`. The answer waits until that has been done.
 *
 * @throws TenantCacheError while the application starts: what `invalidateCache` throws
 */
export function Invalidates(...modules: string[]): Decorator;
export function Invalidates(options: InvalidateOptions): Decorator;
export function Invalidates(...args: unknown[]): Decorator {
  return applyDecorators(
    UseInterceptors(
      routeInterceptor((cache) => Reflect.apply(cache.invalidateCache, cache, args) as RequestHandler),
    ),
  );
}

/** A version that is asked for by a header, or a media type, is not in the URL. */
function withVersion(ttl: number | CacheListOptions | undefined, version: string): CacheListOptions {
  const options: CacheListOptions =
    typeof ttl === "object" ? ttl : ttl === undefined ? {} : { ttlSeconds: ttl };
  return { ...options, varyBy: (req) => ({ ...options.varyBy?.(req), version }) };
}
