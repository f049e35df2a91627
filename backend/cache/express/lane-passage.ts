// A request on its way through the lane to the app: what `cacheList` tells the lane about it, if it gets there.
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import type { BoundedMap } from "../bounded-map.js";
import type { EntryRef } from "../engine/entry-ref.js";
import type { ReadOutcome } from "../engine/lookups.js";
import { agingNow } from "../timers.js";
import type { Caller } from "./lane-callers.js";
import type { Resolved, RouteRequests } from "./route-request.js";

/** Requests that differ in the headers their route varies by; more than these go to the app. */
const MAX_VARIATIONS = 8;

/**
 * Targets that servers, proxies and routers read in more than one way (RFC 3986 section 6.2.2): the lane leaves them to the app.
 * Absolute-form (RFC 9112 section 3.2.2) does not begin with a slash.
 */
const USUAL_TARGET = /^\/(?!\/)(?:(?!\/\/|\/\.|\\|#|%2e|%2f|%5c|%00).)*$/i;

/** What the app does with a method, host and URL for one caller: the entry that `cacheList` answers it from. */
export class LearntRequest {
  readonly #requests: RouteRequests;
  readonly #obeysRequest: boolean;
  readonly #until: number;
  readonly #variations: { readonly vary: readonly string[]; readonly ref: EntryRef }[] = [];

  constructor(requests: RouteRequests, obeysRequest: boolean, untilMs: number) {
    this.#requests = requests;
    this.#obeysRequest = obeysRequest;
    this.#until = untilMs;
  }

  isOf(requests: RouteRequests): boolean {
    return this.#requests === requests && agingNow() < this.#until;
  }

  learn(req: IncomingMessage, ref: EntryRef): void {
    const vary = this.#requests.varyOf(req);
    const index = this.#variations.findIndex((known) => areSame(known.vary, vary));
    if (index !== -1) this.#variations.splice(index, 1);
    this.#variations.unshift({ vary, ref });
    if (this.#variations.length > MAX_VARIATIONS) this.#variations.pop();
  }

  /** `undefined` where the app must be asked. */
  refFor(req: IncomingMessage): EntryRef | undefined {
    if (agingNow() >= this.#until) return undefined;
    const { headers } = req;
    if (this.#obeysRequest && (headers["cache-control"] !== undefined || headers.pragma !== undefined))
      return undefined;
    const vary = this.#requests.varyOf(req);
    for (const known of this.#variations) if (areSame(known.vary, vary)) return known.ref;
    return undefined;
  }
}

/** By the name of the passage. */
export type LearntRequests = BoundedMap<string, LearntRequest>;

/** Method, host, URL and caller: all that the app may decide by, beside what `use` repeats. */
export function nameOf(caller: Caller, { headers, method, url }: IncomingMessage): string {
  const forwardedHost = headers["x-forwarded-host"];
  const forwardedProto = headers["x-forwarded-proto"];
  const name = `${caller.id} ${method} ${headers.host} ${url}`;
  if (forwardedHost === undefined && forwardedProto === undefined) return name;
  return `${name} ${forwardedHost} ${forwardedProto}`;
}

export class LanePassage {
  readonly #caller: Caller;
  readonly #name: string;
  readonly #url: string;
  readonly #learnt: LearntRequests;
  readonly #relearnMs: number;
  /** The app is believed only about what it is asked after the fences of the caller's tags have been read. */
  readonly #mayLearn: boolean;
  /** What the lane has read on behalf of this request already. */
  found: { readonly ref: EntryRef; readonly outcome: ReadOutcome } | undefined;
  #wasHandled = false;

  constructor(caller: Caller, name: string, url: string, learnt: LearntRequests, relearnMs: number) {
    this.#caller = caller;
    this.#name = name;
    this.#url = url;
    this.#learnt = learnt;
    this.#relearnMs = relearnMs;
    this.#mayLearn = caller.isKnown;
  }

  /** Called by each `cacheList` that the request reaches; the first is the one that answers hits. */
  handledBy(requests: RouteRequests, obeysRequest: boolean, resolved: Resolved, req: Request): void {
    if (this.#wasHandled) return;
    this.#wasHandled = true;
    if (!this.#mayLearn || !this.#isAsItCame(req) || !this.#isTheirs(resolved)) {
      this.#learnt.delete(this.#name);
      return;
    }
    let learnt = this.#learnt.get(this.#name);
    if (!learnt?.isOf(requests)) {
      learnt = new LearntRequest(requests, obeysRequest, agingNow() + this.#relearnMs);
      this.#learnt.set(this.#name, learnt);
    }
    learnt.learn(req, resolved.ref);
  }

  /** What middleware has rewritten, it may rewrite by anything. */
  #isAsItCame(req: Request): boolean {
    const { originalUrl, baseUrl, url } = req;
    if (originalUrl !== this.#url || !USUAL_TARGET.test(this.#url)) return false;
    if (baseUrl + url === this.#url) return true;
    // Express adds the slash where a router's path is all of the path: "/leads?page=2" is "/?page=2" below "/leads".
    return (url === "/" || url.startsWith("/?")) && baseUrl + url.slice(1) === this.#url;
  }

  #isTheirs(resolved: Resolved): resolved is Extract<Resolved, { ref: EntryRef }> {
    if ("bypass" in resolved) return false;
    const { tenant, scope } = this.#caller;
    return resolved.ref.tenant === tenant && (resolved.scope === "" || resolved.scope === scope);
  }
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
