// The lane: answers hits in front of Express, for requests that the app is known to let through to `cacheList`.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { LRUCache } from "lru-cache";
import type { WitnessedOutcome } from "../engine/cache-engine.js";
import type { EntryRef } from "../engine/entry-ref.js";
import { type ParsedLaneOptions, parseLaneOptions } from "../options.js";
import type { HttpContext } from "./http-context.js";
import { LaneCallers, type LaneIdentity } from "./lane-callers.js";
import { runMiddleware } from "./lane-middleware.js";
import { LanePassage, type LearntRequest } from "./lane-passage.js";
import { replay, replayAlone } from "./replay.js";
import { hasBody } from "./route-request.js";
import { addServerTiming } from "./server-timing.js";

/** Middleware that works on raw requests, as connect's does. It runs for hits of the lane only: what goes on to the app meets the app's own. */
export type LaneMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

export interface LaneOptions {
  /**
   * Authenticates the raw request with what is at hand (a memo of verified tokens), synchronously; nothing where it cannot: the app
   * then answers.
   */
  readonly identify: (req: IncomingMessage) => LaneIdentity | undefined;
  /** What the app does to every response before `cacheList` (headers, logs, rate limits), in the app's order. Default none. */
  readonly use?: readonly LaneMiddleware[];
  /** URLs and callers that are remembered. Default 20,000. */
  readonly maxRequests?: number;
  /** After so long the app is asked again whether it lets a request through, seconds. Default 60. */
  readonly relearnSeconds?: number;
}

/** An Express app, or any other listener in which `cacheList` runs. */
export type LaneApp = RequestListener & { enabled?(setting: string): boolean };

/**
 * Puts the cache in front of the app: `http.createServer(cache.lane(app, { identify }))`. A request is answered here only if
 * `cacheList` has handled the same method, host and URL for the same identity before, and only with what it would have answered.
 * Everything else, every doubt and every error goes to the app, untouched.
 *
 * @throws TenantCacheError `ETC_OPTIONS`
 */
export type CreateLane = (app: LaneApp, options: LaneOptions) => RequestListener;

export function createLane(context: HttpContext): CreateLane {
  return (app, options) => {
    const lane = new Lane(context, app, parseLaneOptions(options));
    return (req, res) => lane.handle(req, res);
  };
}

class Lane {
  readonly #context: HttpContext;
  readonly #app: LaneApp;
  readonly #options: ParsedLaneOptions;
  readonly #callers: LaneCallers;
  readonly #learnt: LRUCache<string, LearntRequest>;
  #hasThrown = false;

  constructor(context: HttpContext, app: LaneApp, options: ParsedLaneOptions) {
    this.#context = context;
    this.#app = app;
    this.#options = options;
    this.#callers = new LaneCallers(context.engine);
    this.#learnt = new LRUCache({ max: options.maxRequests });
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    const passage = isOrdinary(req) ? this.#passageOf(req) : undefined;
    if (!passage) {
      this.#app(req, res);
      return;
    }
    const ref = this.#learnt.get(passage.name)?.refFor(req);
    if (!ref || !passage.caller.isKnown) {
      this.#pass(passage, req, res);
      return;
    }
    if (this.#context.options.serverTiming) addServerTiming(res);
    const outcome = this.#context.engine.read(ref, passage.caller.witness);
    if (!(outcome instanceof Promise)) this.#serve(outcome, ref, passage, req, res);
    else void outcome.then((found) => this.#serve(found, ref, passage, req, res));
  }

  #passageOf(req: IncomingMessage): LanePassage | undefined {
    try {
      const identity = this.#options.identify(req);
      const caller = identity && this.#callers.of(identity, req);
      return caller && new LanePassage(caller, req, this.#learnt, this.#options.relearnSeconds * 1000);
    } catch (error) {
      if (!this.#hasThrown) {
        this.#hasThrown = true;
        const reason = error instanceof Error ? error.message : String(error);
        this.#context.logger.error(
          `express-tenant-cache: the lane's identify threw (${reason}); such requests go to the app`,
        );
      }
      return undefined;
    }
  }

  #serve(
    outcome: WitnessedOutcome,
    ref: EntryRef,
    passage: LanePassage,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    if (outcome.kind !== "hit") {
      if (outcome.kind === "unwitnessed") this.#callers.forget(passage.caller);
      else passage.found = { ref, outcome };
      this.#pass(passage, req, res);
      return;
    }
    const { entry } = outcome;
    const nowMs = Date.now();
    const status = { hit: true, ttlSeconds: Math.floor((entry.staleAt - nowMs) / 1000) } as const;
    const { use } = this.#options;
    const earlier = this.#app.enabled?.("x-powered-by") === true ? POWERED_BY : NOTHING;
    const answered = (couldBeSmaller: boolean) => {
      this.#context.note("hit", ref);
      if (couldBeSmaller) this.#context.engine.makeVariants(ref, entry);
    };
    if (use.length === 0 && !this.#context.options.serverTiming) {
      answered(replayAlone(req, res, entry, status, nowMs, earlier));
      return;
    }
    for (const [name, value] of earlier) res.setHeader(name, value);
    runMiddleware(use, req, res, (error) => {
      if (error === undefined) answered(replay(req, res, entry, status, nowMs));
      else this.#pass(passage, req, res);
    });
  }

  /** To the app, which may let the lane learn. */
  #pass(passage: LanePassage, req: IncomingMessage, res: ServerResponse): void {
    this.#context.passages.set(req, passage);
    this.#app(req, res);
  }
}

/** As Express does for every response, before anything else. */
const POWERED_BY = [["X-Powered-By", "Express"]] as const;
const NOTHING: readonly (readonly [string, string])[] = [];

/** A GET or HEAD without anything that asks for more than a stored answer. */
function isOrdinary(req: IncomingMessage): boolean {
  if (req.method !== "GET" && req.method !== "HEAD") return false;
  const { headers } = req;
  return (
    headers.range === undefined &&
    headers.expect === undefined &&
    headers.upgrade === undefined &&
    !hasBody(req)
  );
}
