// The lane: answers hits in front of Express, for requests that the app is known to let through to `cacheList`.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { BoundedMap } from "../bounded-map.js";
import { hitStatus } from "../cache-status.js";
import type { Moment } from "../engine/latencies.js";
import type { CallerOutcome, Hit } from "../engine/read-outcome.js";
import { isRequest, refuseSurplus, requireFunction } from "../options/arguments.js";
import { type LaneOptions, type ParsedLaneOptions, parseLaneOptions } from "../options/lane-options.js";
import { messageOf } from "../thrown.js";
import { setImmediate } from "../timers.js";
import { type Field, NOTHING_EARLIER } from "./entry-head.js";
import type { Sending } from "./entry-sender.js";
import type { HttpServices } from "./http-services.js";
import { type Caller, LaneCallers } from "./lane-callers.js";
import { runMiddleware } from "./lane-middleware.js";
import { type LearntRequests, nameOf, PassedRequest } from "./passed-request.js";
import type { RouteRef } from "./resolved-request.js";
import { putHeadBack, UNTOUCHED } from "./response-head.js";
import { bypassReason } from "./route-request.js";
import { addServerTiming } from "./server-timing.js";

/** An Express app, or any other listener in which `cacheList` runs. */
export type LaneApp = RequestListener & { enabled?(setting: string): boolean };

/**
 * Puts the cache in front of the app: `http.createServer(cache.lane(app, { identify }))`. A request is
 * answered here only if `cacheList` has handled the same method, host and URL for the same identity before,
 * and only with what it would have answered. Everything else, every doubt and every error goes to the app,
 * untouched.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export type CreateLane = (app: LaneApp, options: LaneOptions) => RequestListener;

/** @internal */
export function createLane(http: HttpServices): CreateLane {
  const example = "createServer(cache.lane(app, { identify }))";
  return (app, options, ...surplus: unknown[]) => {
    if (isRequest(app)) throw http.misuse.uncalled("lane", example);
    requireFunction("lane", app, "the app", example);
    refuseSurplus("lane", surplus, "one object: lane(app, { identify, use: [helmet()] })");
    const lane = new Lane(http, app, parseLaneOptions(options));
    return (req, res) => lane.handle(req, res);
  };
}

/**
 * Of what has been learnt: as many requests as `maxRequests` allows by default, where they have the usual
 * length.
 */
const MAX_LEARNT_CHARACTERS = 12 * 1024 * 1024;

class Lane {
  readonly #http: HttpServices;
  readonly #app: LaneApp;
  readonly #options: ParsedLaneOptions;
  readonly #callers: LaneCallers;
  readonly #learnt: LearntRequests;
  /** What the app sets before anything else; read with the first hit, when the app is set up. */
  #earlier: readonly Field[] | undefined;
  #hasThrown = false;

  constructor(http: HttpServices, app: LaneApp, options: ParsedLaneOptions) {
    this.#http = http;
    this.#app = app;
    this.#options = options;
    this.#callers = new LaneCallers(http.engine, http.misuse.returned);
    this.#learnt = new BoundedMap({
      maxCharacters: MAX_LEARNT_CHARACTERS,
      maxEntries: options.maxRequests,
      charactersOf: ({ characters }) => characters,
    });
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    const { counters } = this.#http.engine;
    const begun = counters.latencies.begin();
    const caller = isOrdinary(req) ? this.#callerOf(req) : undefined;
    const name = caller && nameOf(caller, req);
    if (!caller || name === undefined) {
      counters.lanePassed++;
      this.#app(req, res);
      return;
    }
    const ref = this.#learnt.get(name)?.refFor(req);
    if (!ref || !caller.isKnown) {
      this.#pass({ caller, name, begun }, req, res);
      return;
    }
    if (this.#http.options.serverTiming) addServerTiming(res);
    const outcome = this.#http.engine.lookups.read(ref, caller.tagFences);
    if (!(outcome instanceof Promise)) this.#serve(outcome, ref, { caller, name, begun }, req, res);
    // Reads never reject, and `#serve` never throws.
    else void outcome.then((found) => this.#serve(found, ref, { caller, name, begun }, req, res));
  }

  #callerOf(req: IncomingMessage): Caller | undefined {
    try {
      const identity = this.#options.identify(req);
      return identity && this.#callers.of(identity, req);
    } catch (error) {
      if (!this.#hasThrown) {
        this.#hasThrown = true;
        const reason = messageOf(error);
        this.#http.logger.error(
          `express-tenant-cache: the lane's identify threw (${reason}); such requests go to the app`,
        );
      }
      return undefined;
    }
  }

  /**
   * Answers the request, or passes it to the app. Never throws: nobody waits for the promise that calls it.
   */
  #serve(
    outcome: CallerOutcome,
    ref: RouteRef,
    asked: Asked,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    if (outcome.kind === "revoked") {
      this.#callers.forget(asked.caller);
      this.#pass(asked, req, res);
    } else if (outcome.kind !== "hit") this.#pass(asked, req, res, { ref, outcome });
    else this.#hit(outcome, ref, asked, req, res);
  }

  #hit(hit: Hit, ref: RouteRef, asked: Asked, req: IncomingMessage, res: ServerResponse): void {
    const { entry } = hit;
    const { sender } = this.#http;
    const nowMs = Date.now();
    const { use } = this.#options;
    this.#earlier ??= isPoweredBy(this.#app) ? POWERED_BY : NOTHING_EARLIER;
    if (use.length === 0 && !this.#http.options.serverTiming) {
      this.#sent(sender.sendAlone(req, res, entry, nowMs, ref.own, this.#earlier), hit, ref, asked, req, res);
      return;
    }
    for (const [name, value] of this.#earlier) res.setHeader(name, value);
    runMiddleware(use, req, res, (error) => {
      if (res.headersSent) {
        // One of them has answered already. As Express does then, an error ends the connection: the client
        // learns that this is not all.
        if (error !== undefined && !res.writableEnded) res.destroy();
      } else if (error !== undefined) this.#sent("unsent", hit, ref, asked, req, res);
      else {
        const sending = sender.send(req, res, entry, hitStatus(entry, nowMs), nowMs, ref.own);
        this.#sent(sending, hit, ref, asked, req, res);
      }
    });
  }

  #sent(
    sending: Sending,
    hit: Hit,
    ref: RouteRef,
    asked: Asked,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    if (sending === "unsent") {
      // The app is to find the response untouched: its own middleware sets again what the lane's has set.
      putHeadBack(res, UNTOUCHED);
      this.#pass(asked, req, res);
      return;
    }
    this.#http.note("hit", ref);
    this.#http.engine.counters.laneHits++;
    this.#http.telemetry?.laneHit(ref.module, req, res, asked.begun);
    this.#http.answered(hit, ref, res, sending, asked.begun);
  }

  /**
   * Passes the request to the app. The first `cacheList` that it reaches there lets the lane learn from it.
   */
  #pass(
    { caller, name }: Asked,
    req: IncomingMessage,
    res: ServerResponse,
    found?: PassedRequest["found"],
  ): void {
    this.#http.engine.counters.lanePassed++;
    const relearnMs = this.#options.relearnSeconds * 1000;
    const passed = new PassedRequest(caller, name, req.url ?? "", this.#learnt, relearnMs);
    passed.found = found;
    this.#http.passedByLane.set(req, passed);
    try {
      this.#app(req, res);
    } catch (error) {
      // The app's own error is thrown where its server would have thrown it, and rejects no promise of the
      // lane's.
      setImmediate(() => {
        throw error;
      });
    }
  }
}

interface Asked {
  readonly caller: Caller;
  readonly name: string;
  /** When it came, where that is measured. */
  readonly begun: Moment;
}

/** As Express does for every response, before anything else. */
const POWERED_BY: readonly Field[] = [["X-Powered-By", "Express"]];

function isPoweredBy(app: LaneApp): boolean {
  try {
    return app.enabled?.("x-powered-by") === true;
  } catch {
    // It has such a method, but is no app of Express's.
    return false;
  }
}

/** A GET or HEAD without anything that asks for more than a stored answer. */
function isOrdinary(req: IncomingMessage): boolean {
  if (req.method !== "GET" && req.method !== "HEAD") return false;
  const { headers } = req;
  return headers.expect === undefined && headers.upgrade === undefined && bypassReason(req) === undefined;
}
