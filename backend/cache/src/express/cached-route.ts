// One cached route: a request is answered from its entry, or fills it, or passes by.
// Tests: test/integration/cache-list.test.ts, test/integration/stale.test.ts
import type { NextFunction, Request, Response } from "express";
import { type BypassReason, setCacheStatus } from "../cache-status.js";
import type { Miss, Stale } from "../engine/miss.js";
import type { ReadOutcome } from "../engine/read-outcome.js";
import type { RunLimit } from "../engine/run-limit.js";
import { RouteWatch } from "../misuse/route-watch.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import { asError } from "../thrown.js";
import { AnswerObserver } from "./answer-observer.js";
import type { Answering, Exchange, Missing } from "./exchange.js";
import { explainRoute } from "./explain-route.js";
import type { RouteExplanation } from "./explanation.js";
import { HandlerRuns, isWithin, leave } from "./handler-runs.js";
import type { HttpServices } from "./http-services.js";
import { passBy, passOn } from "./pass-by.js";
import type { PassedRequest } from "./passed-request.js";
import { storabilityRules } from "./recorder-rules.js";
import { isRefresh } from "./refresher.js";
import { accepts, type RequestDirectives, requestDirectives } from "./request-directives.js";
import type { Resolved } from "./resolved-request.js";
import { RouteFunctions } from "./route-functions.js";
import { RouteRequests } from "./route-request.js";
import { addServerTiming } from "./server-timing.js";
import { refuseUnfit } from "./unfit-route.js";

const REFRESH: Missing = { fwd: "stale" };

export class CachedRoute {
  readonly #http: HttpServices;
  readonly #module: string;
  readonly #options: ParsedRouteOptions;
  readonly #functions: RouteFunctions;
  readonly #requests: RouteRequests;
  readonly #runs: HandlerRuns;
  readonly #methods: ReadonlySet<string>;
  readonly #isEnabled: boolean;
  /** Of a route that is not cached. */
  readonly #observer: AnswerObserver | undefined;
  #watch: RouteWatch | undefined;

  /** @param limit what its handlers share with those of other routes. Default: what the options say */
  constructor(http: HttpServices, module: string, options: ParsedRouteOptions, limit?: RunLimit) {
    this.#http = http;
    this.#module = module;
    this.#options = options;
    this.#methods = new Set(["GET", "HEAD", "QUERY", ...options.methods]);
    const { observeOnly } = http.options.advice;
    this.#isEnabled = options.enabled && http.options.enabled && !observeOnly;
    this.#functions = new RouteFunctions(module, options, http.misuse.returned);
    const kind = this.#isEnabled ? "cached" : "observed";
    this.#requests = new RouteRequests(http, module, options, this.#functions, kind);
    const isScoped = typeof (options.scope ?? http.options.scope) === "function";
    const isAsked = options.privateResponses ?? http.options.privateResponses;
    refuseUnfit(http, options, "cacheList", module);
    const storability = storabilityRules(http, options, this.#functions, isScoped && isAsked === "scope");
    const functions = this.#functions;
    const requests = this.#requests;
    this.#runs = new HandlerRuns(http, module, { options, functions, storability, requests, limit });
    if (!this.#isEnabled && http.engine.advisor) {
      this.#observer = new AnswerObserver(http, http.engine.advisor, this.#requests, {
        ...storability,
        functions,
      });
    }
    for (const pattern of options.ignoreParams) http.engine.events.ignoredParams.add(pattern);
    http.misuse.mounted(module, options);
    this.#watch = new RouteWatch(http.misuse, module, options);
  }

  /** Whether it caches what is answered to such requests, or answers them from what it has cached. */
  answers(method: string): boolean {
    return this.#methods.has(method);
  }

  /** For a dry run: see `dry-run.ts`. */
  explain(req: Request): Promise<RouteExplanation> {
    const view = {
      module: this.#module,
      options: this.#options,
      requests: this.#requests,
      replica: this.#runs.replica,
      isEnabled: this.#isEnabled,
    };
    return explainRoute(this.#http, view, req);
  }

  handle(req: Request, res: Response, next: NextFunction): void {
    // Somebody has answered already, and goes on with work behind that.
    if (res.headersSent) {
      next();
      return;
    }
    const { telemetry: traced } = this.#http;
    if (traced) traced.request(this.#module, req, res, () => this.#handle(req, res, next));
    else this.#handle(req, res, next);
  }

  #handle(req: Request, res: Response, next: NextFunction): void {
    if (!this.#isEnabled) {
      this.#observer?.observe(req, res);
      this.#bypass("disabled", undefined, res, next);
      return;
    }
    const begun = this.#http.engine.counters.latencies.begin();
    this.#http.reads.reached();
    let resolved: Resolved;
    try {
      resolved = this.#requests.resolve(req);
    } catch (error) {
      // The user's own scope, tags or query function threw: that is the application's error, as if a handler
      // had thrown it.
      next(asError(error));
      return;
    }
    const passed = this.#http.passedByLane.get(req);
    passed?.handledBy(this.#requests, this.#options.obeyRequest, resolved, req);
    if (this.#watch && !this.#watch.lookedUp(!("bypass" in resolved) || resolved.tenant !== undefined))
      this.#watch = undefined;
    if (this.#http.options.serverTiming) addServerTiming(res);
    if ("bypass" in resolved) this.#bypass(resolved.bypass, resolved.tenant, res, next);
    else {
      const giveUpAtMs = this.#runs.places.giveUpAtMs();
      this.#lookUp({ ref: resolved.ref, req, res, next, begun, giveUpAtMs }, passed?.found);
    }
  }

  /** @param found what the lane has read on behalf of this request, since it arrived */
  #lookUp(exchange: Exchange, found: PassedRequest["found"]): void {
    const { ref, req, res, next } = exchange;
    const { engine, refreshes } = this.#http;
    if (refreshes && isRefresh(req)) {
      this.#runs.fill(engine.lookups.miss(ref), REFRESH, exchange).catch(next);
      return;
    }
    const asked = this.#options.obeyRequest ? requestDirectives(req.headers, Date.now()) : undefined;
    if (asked?.noStore) {
      this.#bypass("request", ref.tenant, res, next);
      return;
    }
    // A HEAD does not fill what it misses. A request with directives may turn out not to: it takes no lease
    // before that is known.
    const mayFill = req.method !== "HEAD" && !asked;
    const { lookups } = engine;
    const outcome =
      found?.ref === ref ? found.outcome : mayFill ? lookups.readToFill(ref) : lookups.read(ref);
    if (!(outcome instanceof Promise)) this.#answer(outcome, asked, exchange);
    // Reads never reject; what could throw here is an entry that Node refuses.
    else outcome.then((read) => this.#answer(read, asked, exchange)).catch(next);
  }

  /** The entry has been read: it answers (hit), it answers once more (stale), or the handler does (miss). */
  #answer(outcome: ReadOutcome, asked: RequestDirectives | undefined, exchange: Exchange): void {
    const { ref, req, res, next } = exchange;
    if (res.headersSent) {
      if (outcome.kind === "miss") outcome.drop();
      leave(res, next);
    } else if (outcome.kind === "bypass") {
      this.#requests.refused(req, outcome.reason);
      this.#runs.withoutStore(outcome.reason, exchange);
    } else if (outcome.kind === "hit" && (!asked || accepts(asked, outcome.entry, Date.now())))
      this.#hit("hit", outcome, exchange);
    else if (asked?.onlyIfCached) this.#refuse(res);
    else if (outcome.kind === "hit") {
      // The request has refused the entry: it follows no other request, which may have found the same one.
      const notBeforeMs = asked?.notBeforeMs || Date.now();
      this.#miss(this.#http.engine.lookups.miss(ref), { fwd: "request", notBeforeMs }, exchange);
    } else if (outcome.kind === "miss")
      this.#miss(outcome, { fwd: "miss", notBeforeMs: asked?.notBeforeMs }, exchange);
    else if (
      !asked?.notBeforeMs &&
      // A refresh repeats the head of a request alone.
      (req.method === "GET" || req.method === "HEAD") &&
      isWithin(outcome.entry, this.#options.staleWhileRevalidate)
    ) {
      this.#hit("stale", outcome, exchange);
      this.#http.refresher.refresh(ref.entryKey, req);
    } else {
      const missing = { fwd: "stale", stale: outcome.entry, notBeforeMs: asked?.notBeforeMs } as const;
      this.#miss(outcome, missing, exchange);
    }
  }

  #miss(miss: Miss | Stale, missing: Missing, exchange: Exchange): void {
    this.#http.note("miss", exchange.ref);
    this.#http.timeMiss(exchange.begun, exchange.res);
    this.#http.missed(exchange.req, exchange.ref, missing.fwd, miss.found);
    if (exchange.req.method === "HEAD") {
      miss.drop();
      this.#runs.withoutFill(missing, exchange);
    } else this.#runs.fill(miss, missing, exchange).catch(exchange.next);
  }

  #hit(event: "hit" | "stale", hit: Answering, { ref, req, res, next, begun }: Exchange): void {
    const sending = this.#http.sender.sendHit(req, res, hit.entry, Date.now(), ref.own);
    if (sending === "unsent") {
      this.#http.note("miss", ref);
      passOn(ref.own, { fwd: "miss", detail: "unsendable" }, res, next);
      return;
    }
    this.#http.note(event, ref);
    this.#http.answered(hit, ref, res, sending, begun);
  }

  #bypass(detail: BypassReason, tenant: string | undefined, res: Response, next: NextFunction): void {
    if (detail !== "disabled") this.#requests.refused(res.req, detail);
    passBy(this.#http, this.#requests.own, { detail, tenant, module: this.#module }, res, next);
  }

  /** `only-if-cached` (RFC 9111 section 5.2.1.7). */
  #refuse(res: Response): void {
    if (this.#requests.own.cacheStatus) setCacheStatus(res, { fwd: "request", detail: "only-if-cached" });
    res.statusCode = 504;
    res.end();
  }
}
