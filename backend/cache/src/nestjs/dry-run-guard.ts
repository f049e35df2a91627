// `cache.explain` in Nest: a dry run goes on to handlers that are `@Cached`, where it ends, and to no other.
// Tests: test/package/nest.test.ts
import type { CanActivate, ExecutionContext } from "@nestjs/common";
import type { Request } from "express";
import { dryRunOf } from "../express/dry-run.js";
import { cachesBehind, functionsOfRoutes } from "../express/express-layers.js";
import { routeOf } from "../express/origins.js";

/** What `UseInterceptors` leaves on a handler, or on its controller. */
const INTERCEPTORS = "__interceptors__";

/** What `@Get` and its like leave on a handler; Nest copies it to the function that it gives to Express. */
const METHOD = "method";

const caching = new WeakSet<object>();

/** Says of an interceptor that dry runs end there. */
export function cachesAsInterceptor<Interceptor extends object>(interceptor: Interceptor): Interceptor {
  caching.add(interceptor);
  return interceptor;
}

/**
 * Express sees one function for each of Nest's routes, and what it runs is known to Nest alone. So a guard of all
 * routes decides: guards run in front of interceptors, pipes and handlers.
 */
export class DryRunGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (context.getType() !== "http") return true;
    const req = context.switchToHttp().getRequest<Request>();
    const run = dryRunOf(req);
    if (!run || isCached(context)) return true;
    run.over({ kind: "not-cached", route: routeOf(req) });
    // To refuse it would have an exception filter answer.
    return new Promise(() => undefined);
  }
}

/** Has dry runs enter Nest's routes, because the guard is there to end them. */
export function letDryRunsInto(app: unknown): void {
  for (const handle of functionsOfRoutes(app)) if (Reflect.hasMetadata(METHOD, handle)) cachesBehind(handle);
}

function isCached(context: ExecutionContext): boolean {
  return [context.getHandler(), context.getClass()].some((target) => {
    const interceptors: unknown = Reflect.getMetadata(INTERCEPTORS, target);
    return Array.isArray(interceptors) && interceptors.some((each) => caching.has(Object(each)));
  });
}
