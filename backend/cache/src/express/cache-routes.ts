// `cache.routes(options)`: one line for a router or an app. Reads are cached, and what changes something invalidates its module.
import type { Request, RequestHandler } from "express";
import { BoundedMap } from "../bounded-map.js";
import type { RunLimit } from "../engine/run-limit.js";
import { isModuleName } from "../identifiers.js";
import { isRequest, refuseSurplus } from "../options/arguments.js";
import { mixed } from "../options/policies.js";
import { declaredOf, givenAs, type ParsedRouteOptions, parseRouteOptions } from "../options/route-options.js";
import {
  type ParsedRoutesOptions,
  parseRoutesOptions,
  type RoutesOptions,
} from "../options/routes-options.js";
import { isThenable } from "../shown.js";
import { CachedRoute } from "./cached-route.js";
import { type DryRun, dryRunOf } from "./dry-run.js";
import { bypassing } from "./explain-route.js";
import { cachesBehind } from "./express-layers.js";
import type { HttpServices } from "./http-services.js";
import { invalidating } from "./invalidate-cache.js";
import { isLeased } from "./leased-route.js";
import { routeOf } from "./origins.js";
import { type OwnHeaders, ownHeaders } from "./own-headers.js";
import { passBy } from "./pass-by.js";
import { type Matcher, matcherOf, matching, type Target, targetOf } from "./request-patterns.js";
import { isSafe } from "./safe-methods.js";
import type { TouchedWork } from "./touched.js";
import { refuseUnfit } from "./unfit-route.js";

/**
 * Caches all that is mounted behind it: `app.use("/api", auth, cache.routes({ ttlSeconds: 60 }))`. Safe
 * methods are answered as by `cacheList` of their module, all others invalidate theirs, as `invalidateCache`
 * does. The module is the first segment of the path below the mount, unless `module` says otherwise. Mount it
 * after authentication and authorization, because a hit ends here.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`, `ETC_MODULE_NAME`, `ETC_ARGUMENTS`
 */
export type CacheRoutes = (options?: RoutesOptions) => RequestHandler;

/** Paths that are none make modules, too: what is not asked for any more is made again. */
const MAX_REMEMBERED = { maxCharacters: 512 * 1024, maxEntries: 1000 } as const;

/** @internal */
export function createCacheRoutes(http: HttpServices, touched: TouchedWork): CacheRoutes {
  return (given: unknown, ...surplus: unknown[]) => {
    if (isRequest(given)) throw http.misuse.uncalled("routes", 'app.use("/api", auth, cache.routes())');
    refuseSurplus("routes", surplus, 'one object: routes({ ttlSeconds: 60, except: ["export"] })');
    const routes = new CacheRoutesOf(http, touched, parseRoutesOptions(given, http.options.policies));
    return cachesBehind(function cacheRoutesMiddleware(req, res, next) {
      const run = dryRunOf(req);
      if (run) routes.explain(run, req);
      else routes.handlerFor(req)(req, res, next);
    });
  };
}

class CacheRoutesOf {
  readonly #http: HttpServices;
  readonly #touched: TouchedWork;
  readonly #options: ParsedRoutesOptions;
  readonly #own: OwnHeaders;
  readonly #except: readonly { readonly matches: Matcher }[];
  readonly #touches: readonly {
    readonly matches: Matcher;
    readonly modules: readonly string[];
  }[];
  readonly #reads = new BoundedMap<CachedRoute>(MAX_REMEMBERED);
  readonly #writes = new BoundedMap<RequestHandler>(MAX_REMEMBERED);
  readonly #readMethods: ReadonlySet<string>;
  /** How many handlers run at once: of all modules together, under "", and of those that have a bound of their own. */
  readonly #limits = new Map<string, RunLimit | undefined>();

  constructor(http: HttpServices, touched: TouchedWork, options: ParsedRoutesOptions) {
    this.#http = http;
    this.#touched = touched;
    this.#options = options;
    const reads = parseRouteOptions(options.reads, http.options.policies);
    // Their modules come with their requests: what is wrong is said now.
    refuseUnfit(http, reads, "routes");
    isLeased(http, reads, []);
    const { headers, methods, dependsOn } = reads;
    if (dependsOn === "auto") http.reads.refuseUntracked("routes");
    this.#limits.set("", http.limitOf(reads.fill));
    this.#own = ownHeaders(http.options.headers, headers, http.options.compress);
    this.#readMethods = new Set<string>(methods);
    this.#except = options.except.map((pattern) => ({ matches: matcherOf(pattern) }));
    this.#touches = Object.entries(options.touches).map(([pattern, modules]) => ({
      matches: matcherOf(pattern),
      modules,
    }));
    for (const module of Object.keys(options.modules)) this.#routeOf(module);
  }

  explain(run: DryRun<unknown>, req: Request): void {
    const isRead = isSafe(req.method) || this.#readMethods.has(req.method);
    if (!isRead || req.method === "OPTIONS" || req.method === "TRACE") {
      run.over({ kind: "not-cached", route: routeOf(req) });
      return;
    }
    const target = targetOf(req);
    const module = this.#moduleOf(req, target);
    const isExcepted = matching(this.#except, target).length > 0;
    const route = module === undefined || isExcepted ? undefined : this.#routeOf(module);
    run.reached(route ?? bypassing(isExcepted ? "skipped" : "no-module"), req);
  }

  handlerFor(req: Request): RequestHandler {
    const target = targetOf(req);
    const module = this.#moduleOf(req, target);
    const isRead = isSafe(req.method) || this.#readMethods.has(req.method);
    if (!isRead) return this.#writeOf(target, module);
    if (req.method === "OPTIONS" || req.method === "TRACE") return pass;
    const isExcepted = matching(this.#except, target).length > 0;
    if (module === undefined || isExcepted) {
      const detail = isExcepted ? "skipped" : "no-module";
      return (_req, res, next) => passBy(this.#http, this.#own, { detail, module: "" }, res, next);
    }
    const route = this.#routeOf(module);
    return (_req, res, next) => route.handle(req, res, next);
  }

  /** `undefined` where nobody can tell: a read is not cached then, and a mutation may concern anything. */
  #moduleOf(req: Request, { segments: [first] }: Target): string | undefined {
    const { module: moduleOf } = this.#options;
    if (!moduleOf) return isModuleName(first) ? first : undefined;
    const { returned } = this.#http.misuse;
    const consequence =
      "such reads bypass the cache, and such mutations invalidate all that their tenant has";
    try {
      const said: unknown = moduleOf(req);
      if (isModuleName(said)) return said;
      const isWrong = said !== undefined && said !== null;
      const advice = isThenable(said) ? "" : 'return a lower-case word such as "orders", or undefined';
      if (isWrong) returned.wrong("the module function of routes", said, advice, consequence);
    } catch (error) {
      returned.threw("the module function of routes", error, consequence);
    }
    return undefined;
  }

  #routeOf(module: string): CachedRoute {
    const known = this.#reads.get(module);
    if (known) return known;
    const { policies } = this.#http.options;
    const { reads, modules } = this.#options;
    const own = Object.hasOwn(modules, module) ? givenAs(modules[module], policies) : {};
    const said = parseRouteOptions(mixed(policies, {}, own));
    const all = parseRouteOptions(mixed(policies, reads, own), policies);
    const isCovered = all.dependsOn === "auto" || this.#http.engine.keys.covers([module, ...declaredOf(all)]);
    // What is said of all modules passes by those that the feed covers.
    const options = isCovered && said.freshness === undefined ? { ...all, freshness: undefined } : all;
    const route = new CachedRoute(this.#http, module, options, this.#limitOf(module, said));
    this.#reads.set(module, route);
    return route;
  }

  /** Routes are made anew, their bounds are not: else whoever asks for many paths would get round them. */
  #limitOf(module: string, { fill }: ParsedRouteOptions): RunLimit | undefined {
    if (fill.maxConcurrent === undefined) return this.#limits.get("");
    if (!this.#limits.has(module)) this.#limits.set(module, this.#http.limitOf(fill));
    return this.#limits.get(module);
  }

  #writeOf(target: Target, module: string | undefined): RequestHandler {
    const touched = matching(this.#touches, target).flatMap(({ modules }) => modules);
    const modules = module === undefined ? [] : [...new Set([module, ...touched])].sort();
    const name = modules.join();
    const known = this.#writes.get(name);
    if (known) return known;
    const everything = module === undefined;
    const write = invalidating(this.#http, this.#touched, {
      ...this.#options.mutations,
      modules,
      everything,
    });
    this.#writes.set(name, write);
    return write;
  }
}

const pass: RequestHandler = (_req, _res, next) => next();
