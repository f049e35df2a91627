// Requests that the handler answers, untouched but for the cache's own headers.
// Tests: test/integration/cache-list.test.ts, test/integration/own-headers.test.ts
import type { NextFunction, Response } from "express";
import { type BypassReason, type CacheStatus, setCacheStatus } from "../cache-status.js";
import type { HttpServices } from "./http-services.js";
import type { OwnHeaders } from "./own-headers.js";
import { defaultCacheControlWithHead } from "./replay.js";

/** A request is not looked up: counted and published. */
export function passBy(
  http: HttpServices,
  own: OwnHeaders,
  why: { readonly detail: BypassReason; readonly tenant?: string | undefined; readonly module: string },
  res: Response,
  next: NextFunction,
): void {
  const { detail, tenant, module } = why;
  const { engine, telemetry } = http;
  const { counters, events } = engine;
  http.bypassed(res.req, why);
  counters.bypassed(detail, tenant, module === "" ? undefined : module);
  telemetry?.decided("bypass", detail);
  events.publish("bypass", { tenant, module, detail });
  passOn(own, { fwd: "bypass", detail }, res, next);
}

export function passOn(own: OwnHeaders, status: CacheStatus, res: Response, next: NextFunction): void {
  if (own.cacheStatus) setCacheStatus(res, status);
  if (own.cacheControl) defaultCacheControlWithHead(res);
  next();
}
