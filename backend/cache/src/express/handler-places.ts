// As many handlers of a route run at once as its option `fill.maxConcurrent` says; who gets no place in time is told so.
// Tests: test/integration/handler-places.test.ts, test/faults/store-away-shared.test.ts
import type { Response } from "express";
import { type CacheStatus, type Forwarded, setCacheStatus } from "../cache-status.js";
import type { RunLimit } from "../engine/run-limit.js";
import type { RouteFillOption } from "../options/fill-option.js";
import { monotonicNow } from "../timers.js";
import type { Exchange } from "./exchange.js";
import type { HttpServices } from "./http-services.js";
import type { OwnHeaders } from "./own-headers.js";
import { passOn } from "./pass-by.js";
import { isGone } from "./replay.js";
import { whenAnswered } from "./when-answered.js";

/** Most databases and proxies have given up by then. */
const MAX_RUN_MS = 60_000;

/** What a request has its handler do. */
export interface HandlerRun {
  readonly fwd: Forwarded | "bypass";
  /** Has the handler answer. */
  readonly run: () => void;
  /** Called instead: others do not wait for it any longer. */
  readonly leave: () => void;
  /** Answers in its stead, and tells whether it has. */
  readonly answersStale: () => boolean;
}

export class HandlerPlaces {
  /** How long a request waits at most, milliseconds. */
  readonly waitMs: number;
  /** Absent where nothing bounds what runs at once. */
  readonly #limit: RunLimit | undefined;
  /** How long a handler that does not answer keeps its place, milliseconds. */
  readonly #maxRunMs: number;
  readonly #retryAfterSeconds: number | undefined;

  constructor(http: HttpServices, route: RouteFillOption, limit = http.limitOf(route)) {
    const { fill } = http.options;
    this.waitMs = route.waitMs ?? fill.waitMs;
    this.#limit = limit;
    this.#maxRunMs = route.maxRunMs ?? fill.maxRunMs ?? MAX_RUN_MS;
    this.#retryAfterSeconds = route.retryAfterSeconds ?? fill.retryAfterSeconds;
  }

  /** Until when a request that comes now may wait for a place, on the clock of `monotonicNow`; 0 without a bound. */
  giveUpAtMs(): number {
    return this.#limit ? monotonicNow() + this.waitMs : 0;
  }

  /** Runs the handler, at once or when there is a place for it. */
  enter(exchange: Exchange, handlerRun: HandlerRun): void {
    const limit = this.#limit;
    if (!limit) {
      handlerRun.run();
      return;
    }
    const { res, next } = exchange;
    // `cacheList` is mounted twice for this request, which would wait for itself.
    if (limit.admitted.has(res)) {
      handlerRun.run();
      return;
    }
    const enter = (isGranted: boolean) => {
      // Nobody waits for the handler any more.
      const isLate = isGone(res) || res.writableEnded;
      limit.admitted.add(res);
      if (isGranted && !isLate) {
        whenAnswered(res, () => limit.release(), this.waitMs, this.#maxRunMs);
        handlerRun.run();
        return;
      }
      if (isGranted) limit.release();
      handlerRun.leave();
      if (!isLate) this.#without(exchange, handlerRun);
    };
    // Its "close" has been emitted.
    const place = !isGone(res) && limit.take(exchange.giveUpAtMs);
    if (typeof place === "boolean") {
      enter(place);
      return;
    }
    // Who has gone keeps nobody from waiting.
    const { granted, leave } = place;
    res.once("close", leave);
    granted
      .then((isGranted) => {
        res.off("close", leave);
        enter(isGranted);
      })
      .catch(next);
  }

  /** There was no place in time. */
  #without({ ref: { own }, res, next }: Exchange, { answersStale, fwd }: HandlerRun): void {
    if (!res.headersSent && answersStale()) return;
    const status = { fwd, detail: "busy" } as const;
    if (this.#retryAfterSeconds === undefined || res.headersSent) passOn(own, status, res, next);
    else refuse(res, this.#retryAfterSeconds, own, status);
  }
}

/** RFC 9457; RFC 9110 section 10.2.3. */
function refuse(res: Response, retryAfterSeconds: number, own: OwnHeaders, status: CacheStatus): void {
  if (own.cacheStatus) setCacheStatus(res, status);
  res.statusCode = 503;
  res.setHeader("Retry-After", String(retryAfterSeconds));
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Content-Type", "application/problem+json");
  res.end(
    JSON.stringify({
      type: "about:blank",
      title: "Service Unavailable",
      status: 503,
      detail: "Too many requests wait for answers that have to be made. Try again later.",
    }),
  );
}
