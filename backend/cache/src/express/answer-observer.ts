// Looks at the requests and answers of a route that is not cached, for `cache.advice()`: nothing is read, served, stored or set.
// Tests: test/integration/advice.test.ts
import { createHash } from "node:crypto";
import type { OutgoingHttpHeaders } from "node:http";
import type { Request, Response } from "express";
import type { Advisor } from "../advice/advisor.js";
import type { RouteFigures } from "../advice/route-figures.js";
import { isThenable } from "../shown.js";
import { monotonicNow } from "../timers.js";
import type { HttpServices } from "./http-services.js";
import { setMethods } from "./own-methods.js";
import { isChunk } from "./recorded-body.js";
import { headersBefore } from "./recorded-headers.js";
import { hasDefaultCacheControl } from "./replay.js";
import { fieldOf } from "./request-fields.js";
import type { RouteRef } from "./resolved-request.js";
import type { RouteFunctions } from "./route-functions.js";
import type { RouteRequests } from "./route-request.js";
import { declaredLength, judge, limitedTo, type StorabilityRules } from "./storability.js";

/** Of bodies that say nothing of themselves, so much is hashed in a second: one percent of a core's time. */
const MAX_HASHED_A_SECOND = 4 * 1024 * 1024;

export interface ObserverRules extends StorabilityRules {
  readonly functions: RouteFunctions;
}

/** A body that is looked at while it goes to the client. */
interface SeenBody {
  bytes: number;
  /** `undefined` where it was too much to hash. */
  identity(): string | undefined;
}

interface Observed {
  readonly ref: RouteRef;
  readonly req: Request;
  readonly res: Response;
  readonly before: OutgoingHttpHeaders;
  readonly beganAtMs: number;
  readonly body: SeenBody | undefined;
}

export class AnswerObserver {
  readonly #http: HttpServices;
  readonly #advisor: Advisor;
  readonly #requests: RouteRequests;
  readonly #rules: ObserverRules;
  #hashed = 0;
  #hashedSinceMs = 0;

  constructor(http: HttpServices, advisor: Advisor, requests: RouteRequests, rules: ObserverRules) {
    this.#http = http;
    this.#advisor = advisor;
    this.#requests = requests;
    this.#rules = rules;
  }

  /** Never throws: a request that is only observed does not fail by it. */
  observe(req: Request, res: Response): void {
    if (req.method === "HEAD") return;
    const ref = this.#resolve(req);
    if (!ref) return;
    this.#advisor.asked(ref);
    const looksAtBody = ref.figures?.needsBodies === true && this.#advisor.compares(ref);
    const observed: Observed = {
      ref,
      req,
      res,
      before: headersBefore(res),
      beganAtMs: monotonicNow(),
      body: looksAtBody ? this.#look(res) : undefined,
    };
    res.once("finish", () => this.#finished(observed));
  }

  #resolve(req: Request): RouteRef | undefined {
    try {
      const resolved = this.#requests.resolve(req);
      if ("ref" in resolved) return resolved.ref;
      this.#requests.figures?.refused(resolved.bypass);
    } catch {
      // The route's own scope, tags or query function: once the route is cached, that fails the request.
      this.#requests.figures?.refused("threw");
    }
    return undefined;
  }

  #finished({ ref, req, res, before, beganAtMs, body }: Observed): void {
    const durationMs = monotonicNow() - beganAtMs;
    if (this.#http.options.advice.queries) addQueries(this.#http, ref.figures, req, res);
    const { functions } = this.#rules;
    const etag = res.getHeader("ETag");
    const identity = etag === undefined ? body?.identity() : String(etag);
    // The client has the answer, and was told so: it is the one of that ETag.
    const isNotModified = res.statusCode === 304 && identity !== undefined;
    const bytes = isNotModified ? undefined : (declaredLength(res) ?? body?.bytes);
    if (ref.figures && (identity === undefined || (bytes === undefined && !isNotModified)))
      ref.figures.needsBodies = true;
    const statuses = isNotModified ? [304] : this.#rules.statuses;
    const judged = limitedTo(
      functions.ttlSeconds(req, res),
      judge(res, withoutDefault(res, before), { ...this.#rules, statuses }, bytes),
    );
    if (!judged.storable) this.#advisor.refused(ref, judged.reason, durationMs);
    else {
      const ttlSeconds = judged.ttlSeconds - judged.ageSeconds;
      const caller = ref.viewer === 0 ? callerOf(req) : undefined;
      this.#advisor.answered(ref, { durationMs, bytes, ttlSeconds, identity, caller });
    }
  }

  #look(res: Response): SeenBody {
    const digest = createHash("sha1");
    const { write, end } = res;
    let isWhole = true;
    let isEnding = false;
    const body: SeenBody = {
      bytes: 0,
      identity: () => (isWhole ? digest.digest("base64url") : undefined),
    };
    const take = ([chunk, encoding]: readonly unknown[]) => {
      // The responses of HTTP/2 call `write` from their `end`. What is no chunk Node refuses.
      if (isEnding || !isChunk(chunk)) return;
      const named = typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : "utf8";
      const bytes = typeof chunk === "string" ? Buffer.byteLength(chunk, named) : chunk.length;
      body.bytes += bytes;
      isWhole &&= this.#mayHash(bytes);
      if (!isWhole) return;
      if (typeof chunk === "string") digest.update(chunk, named);
      else digest.update(chunk);
    };
    setMethods(res, {
      write: ((...args: Parameters<Response["write"]>) => {
        take(args);
        return Reflect.apply(write, res, args);
      }) as Response["write"],
      end: ((...args: Parameters<Response["end"]>) => {
        take(args);
        isEnding = true;
        return Reflect.apply(end, res, args);
      }) as Response["end"],
    });
    return body;
  }

  #mayHash(bytes: number): boolean {
    const nowMs = monotonicNow();
    if (nowMs - this.#hashedSinceMs > 1000) {
      this.#hashedSinceMs = nowMs;
      this.#hashed = 0;
    }
    this.#hashed += bytes;
    return this.#hashed <= MAX_HASHED_A_SECOND;
  }
}

/** What the cache itself has added is no word of the handler's. */
function withoutDefault(res: Response, before: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return hasDefaultCacheControl(res)
    ? { ...before, "cache-control": String(res.getHeader("Cache-Control")) }
    : before;
}

/** What tells callers apart where the route does not say whose its answers are. */
function callerOf({ headers }: Request): string | undefined {
  const [authorization, cookie] = [fieldOf(headers, "authorization"), fieldOf(headers, "cookie")];
  return authorization === undefined && cookie === undefined ? undefined : `${authorization}\n${cookie}`;
}

/** Once the handler has answered, asks the app how many queries it has made. */
export function tellQueries(
  http: HttpServices,
  figures: RouteFigures | undefined,
  req: Request,
  res: Response,
): void {
  if (figures) res.once("finish", () => addQueries(http, figures, req, res));
}

function addQueries(
  http: HttpServices,
  figures: RouteFigures | undefined,
  req: Request,
  res: Response,
): void {
  const { returned } = http.misuse;
  const [who, consequence] = ["the advice.queries function", "such requests tell of no queries"];
  try {
    const said: unknown = http.options.advice.queries?.(req, res);
    if (typeof said === "number" && said >= 0 && said < Number.POSITIVE_INFINITY) figures?.asked(said);
    else if (said !== undefined)
      returned.wrong(who, said, isThenable(said) ? "" : "return a number, or undefined", consequence);
  } catch (error) {
    returned.threw(who, error, consequence);
  }
}
