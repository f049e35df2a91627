// `cacheList(module, ttl)`: serves a GET route from the cache, or fills the cache from it.
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { Entry } from "../codec/entry.js";
import type { Miss } from "../engine/cache-engine.js";
import type { EntryRef } from "../engine/entry-ref.js";
import { moduleName } from "../identifiers.js";
import { type CacheListOptions, type ParsedRouteOptions, parseRouteOptions } from "../options.js";
import { setCacheStatus } from "./cache-status.js";
import type { HttpContext } from "./http-context.js";
import { recordInto } from "./recorder.js";
import { isRefresh } from "./refresher.js";
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
  readonly #vary: readonly string[];
  /** Reasons of which a developer has been told: each once. */
  readonly #told = new Set<string>();

  constructor(context: HttpContext, module: string, options: ParsedRouteOptions) {
    this.#context = context;
    this.#module = module;
    this.#options = options;
    this.#vary = options.vary.map((name) => name.toLowerCase());
    // Made now, so that what it lacks is told when the route is mounted.
    if (options.staleWhileRevalidate > 0) void context.refresher;
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
    if (isRefresh()) {
      const expiresAtMs = engine.gate.expiry();
      return this.#fill(ref, { seen: undefined, expiresAtMs }, undefined, req, res, next);
    }
    const outcome = await engine.read(ref);
    if (outcome.kind === "bypass") return this.#bypass(outcome.reason, ref.tenant, res, next);
    if (outcome.kind === "hit") return this.#hit(ref, outcome.entry, req, res);
    const stale = outcome.kind === "stale" ? outcome.entry : undefined;
    if (stale && this.#isWithin(stale, this.#options.staleWhileRevalidate)) {
      engine.counters.add("stale", ref.tenant, ref.module);
      this.#hit(ref, stale, req, res);
      this.#context.refresher.refresh(ref.entryKey, req);
      return;
    }
    engine.counters.add("misses", ref.tenant, ref.module);
    if (req.method === "HEAD") return this.#forward(stale, res, next);
    await this.#fill(ref, outcome, stale, req, res, next);
  }

  async #fill(
    ref: EntryRef,
    miss: Miss,
    stale: Entry | undefined,
    req: Request,
    res: Response,
    next: NextFunction,
  ): Promise<void> {
    const { engine, options } = this.#context;
    const outcome = await engine.openFill(ref, miss);
    const fwd = stale ? "stale" : "miss";
    if (outcome.kind === "follow") {
      engine.counters.add("collapsed", ref.tenant, ref.module);
      return replay(req, res, outcome.entry, { fwd, collapsed: true }, Date.now());
    }
    if (outcome.kind === "run") return this.#forward(stale, res, next);
    const fallback = stale && this.#isWithin(stale, this.#options.staleIfError) ? stale : undefined;
    recordInto(outcome.fill, req, res, {
      statuses: this.#options.statuses,
      vary: this.#vary,
      ttlSeconds: this.#options.ttlSeconds,
      maxStaleSeconds: Math.max(this.#options.staleWhileRevalidate, this.#options.staleIfError),
      maxBodyBytes: this.#options.maxBodyBytes ?? options.maxBodyBytes,
      fwd,
      onUnstorable: (reason) => this.#tell(reason),
      ...(fallback && { insteadOfError: () => this.#insteadOfError(ref, fallback, req, res) }),
    });
    next();
  }

  #hit(ref: EntryRef, entry: Entry, req: Request, res: Response): void {
    const nowMs = Date.now();
    this.#context.engine.counters.add("hits", ref.tenant, ref.module);
    // Negative where the entry is stale (RFC 9211 section 2.3).
    const ttlSeconds = Math.floor((entry.staleAt - nowMs) / 1000);
    replay(req, res, entry, { hit: true, ttlSeconds }, nowMs);
  }

  #insteadOfError(ref: EntryRef, entry: Entry, req: Request, res: Response): void {
    this.#context.engine.counters.add("stale", ref.tenant, ref.module);
    replay(req, res, entry, { fwd: "stale", detail: "stale-if-error" }, Date.now());
  }

  #isWithin(entry: Entry, staleSeconds: number): boolean {
    return entry.expiresAt > entry.staleAt && Date.now() < entry.staleAt + staleSeconds * 1000;
  }

  #bypass(detail: string, tenant: string | undefined, res: Response, next: NextFunction): void {
    this.#context.engine.counters.add("bypasses", tenant, this.#module);
    setCacheStatus(res, { fwd: "bypass", detail });
    defaultCacheControl(res);
    next();
  }

  /** The handler answers and nothing is stored. */
  #forward(stale: Entry | undefined, res: Response, next: NextFunction): void {
    setCacheStatus(res, { fwd: stale ? "stale" : "miss" });
    defaultCacheControl(res);
    next();
  }

  /** A route that varies by what it does not declare is never a hit: its developer should know. */
  #tell(reason: string): void {
    if (!reason.startsWith("Vary") || this.#told.has(reason)) return;
    this.#told.add(reason);
    const names = reason.slice("Vary: ".length);
    const advice =
      names === "*"
        ? "no request can match it again"
        : `declare it: cacheList("${this.#module}", { vary: [${JSON.stringify(names)}] })`;
    this.#context.logger.warn(
      `express-tenant-cache: a response of module ${this.#module} says "${reason}" and is not stored: ${advice}`,
    );
  }
}
