// `cacheList(module, ttl)`: serves a GET route from the cache, or fills the cache from it.
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { ReadOutcome } from "../engine/cache-engine.js";
import type { EntryRef } from "../engine/entry-ref.js";
import { moduleName } from "../identifiers.js";
import { type CacheListOptions, type ParsedRouteOptions, parseRouteOptions } from "../options.js";
import { setCacheStatus } from "./cache-status.js";
import type { HttpContext } from "./http-context.js";
import { recordInto } from "./recorder.js";
import { defaultCacheControl, replay } from "./replay.js";
import { resolveRequest } from "./route-request.js";

/**
 * Caches what the following handlers answer to GET, and answers HEAD from it. Mount it after authentication and after whatever
 * refuses a request, because a hit ends here.
 *
 * @param module names the data; `invalidateCache` of the same name reaches it
 * @param ttl seconds, or options. Default 180 seconds
 * @throws TenantCacheError `ETC_MODULE_NAME`, `ETC_TTL`, `ETC_OPTIONS`
 */
export type CacheList = (module: string, ttl?: number | CacheListOptions) => RequestHandler;

export function createCacheList(context: HttpContext): CacheList {
  return (module, ttl) => {
    const route = new CachedRoute(context, moduleName(module), parseRouteOptions(ttl));
    return function cacheListMiddleware(req, res, next) {
      if (req.method !== "GET" && req.method !== "HEAD") return next();
      route.handle(req, res, next);
    };
  };
}

class CachedRoute {
  readonly #context: HttpContext;
  readonly #module: string;
  readonly #options: ParsedRouteOptions;

  constructor(context: HttpContext, module: string, options: ParsedRouteOptions) {
    this.#context = context;
    this.#module = module;
    this.#options = options;
  }

  handle(req: Request, res: Response, next: NextFunction): void {
    let resolved: ReturnType<typeof resolveRequest>;
    try {
      resolved = resolveRequest(this.#context, this.#module, this.#options, req);
    } catch (error) {
      // The user's own scope or tags function threw: that is the application's error, as if a handler had thrown it.
      next(error);
      return;
    }
    if ("bypass" in resolved) this.#bypass(resolved.bypass, resolved.tenant, res, next);
    // The engine never rejects; what could throw here is a response that was ended behind our back.
    else this.#serve(resolved.ref, req, res, next).catch(next);
  }

  async #serve(ref: EntryRef, req: Request, res: Response, next: NextFunction): Promise<void> {
    const { engine } = this.#context;
    const outcome = await engine.read(ref);
    const nowMs = Date.now();
    if (outcome.kind === "bypass") return this.#bypass(outcome.reason, ref.tenant, res, next);
    if (outcome.kind === "hit") {
      engine.counters.add("hits", ref.tenant, ref.module);
      const ttlSeconds = Math.floor((outcome.entry.staleAt - nowMs) / 1000);
      return replay(req, res, outcome.entry, { hit: true, ttlSeconds }, nowMs);
    }
    engine.counters.add("misses", ref.tenant, ref.module);
    if (req.method === "HEAD") return this.#forward(res, next);
    await this.#fill(ref, outcome, req, res, next);
  }

  async #fill(
    ref: EntryRef,
    miss: Extract<ReadOutcome, { kind: "miss" }>,
    req: Request,
    res: Response,
    next: NextFunction,
  ): Promise<void> {
    const { engine, options } = this.#context;
    const outcome = await engine.openFill(ref, miss);
    if (outcome.kind === "follow") {
      engine.counters.add("collapsed", ref.tenant, ref.module);
      return replay(req, res, outcome.entry, { fwd: "miss", collapsed: true }, Date.now());
    }
    if (outcome.kind === "run") return this.#forward(res, next);
    recordInto(outcome.fill, req, res, {
      statuses: this.#options.statuses,
      vary: this.#options.vary.map((name) => name.toLowerCase()),
      ttlSeconds: this.#options.ttlSeconds,
      maxBodyBytes: this.#options.maxBodyBytes ?? options.maxBodyBytes,
    });
    next();
  }

  #bypass(detail: string, tenant: string | undefined, res: Response, next: NextFunction): void {
    this.#context.engine.counters.add("bypasses", tenant, this.#module);
    setCacheStatus(res, { fwd: "bypass", detail });
    defaultCacheControl(res);
    next();
  }

  /** The handler answers and nothing is stored. */
  #forward(res: Response, next: NextFunction): void {
    setCacheStatus(res, { fwd: "miss" });
    defaultCacheControl(res);
    next();
  }
}
