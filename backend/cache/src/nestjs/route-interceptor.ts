// Runs a middleware of the cache as an interceptor: behind the guards, in front of pipes and handler.
// Tests: test/package/nest.test.ts
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  mixin,
  type NestInterceptor,
  type Type,
  VERSION_NEUTRAL,
} from "@nestjs/common";
import type { Request, RequestHandler, Response } from "express";
import { Observable, type Subscriber } from "rxjs";
import type { TenantCache } from "../tenant-cache.js";
import { TENANT_CACHE } from "./tenant-cache-token.js";

/** What `@Version` leaves on a handler, or on its controller. */
const VERSION = "__version__";

/**
 * @param middlewareOf makes the middleware; of handlers that have a version, one for each
 */
export function routeInterceptor(
  middlewareOf: (cache: TenantCache, version: string | undefined) => RequestHandler,
): Type<NestInterceptor> {
  class RouteInterceptor implements NestInterceptor {
    readonly #cache: TenantCache;
    readonly #middleware = new Map<string | undefined, RequestHandler>();

    constructor(cache: TenantCache) {
      this.#cache = cache;
      // While the application starts: what is wrong is told then.
      this.#of(undefined);
    }

    intercept(context: ExecutionContext, handler: CallHandler): Observable<unknown> {
      if (context.getType() !== "http") return handler.handle();
      const http = context.switchToHttp();
      const middleware = this.#of(versionOf(context));
      return new Observable((subscriber) => {
        const response = http.getResponse<Response>();
        let isAnswered = true;
        // Where the cache answers it goes on to nobody. Nest would answer once more if this ended with a value, and
        // log an error if it ended without.
        response.once("close", () => {
          if (isAnswered) release(subscriber);
        });
        middleware(http.getRequest<Request>(), response, (problem?: unknown) => {
          isAnswered = false;
          if (problem === undefined) subscriber.add(handler.handle().subscribe(subscriber));
          else subscriber.error(problem);
        });
      });
    }

    #of(version: string | undefined): RequestHandler {
      const known = this.#middleware.get(version) ?? middlewareOf(this.#cache, version);
      this.#middleware.set(version, known);
      return known;
    }
  }
  Inject(TENANT_CACHE)(RouteInterceptor, undefined, 0);
  return mixin(RouteInterceptor);
}

/**
 * Lets go of all that waits for the handler: `finalize` of the interceptors around this one runs, and their
 * `timeout` does not, which would have an exception filter answer once more. A subscriber has no public way to
 * those around it.
 */
function release(subscriber: Subscriber<unknown>): void {
  let outermost: unknown = subscriber;
  for (let around = outermost; isSubscription(around); around = Reflect.get(around, "destination"))
    outermost = around;
  if (isSubscription(outermost)) outermost.unsubscribe();
}

function isSubscription(value: unknown): value is { unsubscribe(): void } {
  return (
    typeof value === "object" && value !== null && typeof Reflect.get(value, "unsubscribe") === "function"
  );
}

function versionOf(context: ExecutionContext): string | undefined {
  const version: unknown =
    Reflect.getMetadata(VERSION, context.getHandler()) ?? Reflect.getMetadata(VERSION, context.getClass());
  if (version === undefined || version === VERSION_NEUTRAL) return undefined;
  // One handler may serve several: those have the same answers, and share them.
  return Array.isArray(version) ? version.map(String).join() : String(version);
}
