// `cache.explain` in Nest: a dry run goes on to handlers that are `@Cached`, where it ends, and to no other.
// Tests: test/package/nest.test.ts
import type { CanActivate, ExecutionContext } from "@nestjs/common";
import type { Request } from "express";
import { layersOf } from "../app-layers.js";
import { dryRunOf } from "../express/dry-run.js";
import { cachesBehind, functionsOfNextRoute, functionsOfRoutes } from "../express/express-layers.js";
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

/** The part of Nest's adapter that its routes come through. */
export interface RouteAdapter {
  getInstance(): unknown;
  getOnRouteTriggered?(): unknown;
}

/**
 * Notes which routes are Nest's, and has dry runs enter them, because the guard is there to end them.
 *
 * Nest leaves metadata on the function that it gives to Express. Where the application has called
 * `setOnRouteTriggered`, Nest gives another function, without metadata, around it. It asks for the hook just before
 * it mounts the route, so the next route of the app is then Nest's.
 */
export class NestRoutes {
  readonly #adapter: RouteAdapter;
  /** How many layers the app had when the hook was asked for. */
  readonly #askedBehind: number[] = [];

  /** @param adapter before its routes are mounted */
  constructor(adapter: RouteAdapter) {
    this.#adapter = adapter;
    if (!adapter.getOnRouteTriggered) return;
    const asked = adapter.getOnRouteTriggered.bind(adapter);
    adapter.getOnRouteTriggered = () => {
      const hook = asked();
      if (hook) this.#askedBehind.push(layersOf(adapter.getInstance())?.length ?? 0);
      return hook;
    };
  }

  /** Once they are mounted. */
  letDryRunsIn(): void {
    const app = this.#adapter.getInstance();
    for (const handle of functionsOfRoutes(app))
      if (Reflect.hasMetadata(METHOD, handle)) cachesBehind(handle);
    for (const count of this.#askedBehind)
      for (const handle of functionsOfNextRoute(app, count)) cachesBehind(handle);
  }
}

function isCached(context: ExecutionContext): boolean {
  return [context.getHandler(), context.getClass()].some((target) => {
    const interceptors: unknown = Reflect.getMetadata(INTERCEPTORS, target);
    return Array.isArray(interceptors) && interceptors.some((each) => caching.has(Object(each)));
  });
}
