// A request that the lane has passed to the app, where `cacheList` tells the lane how it was answered.
// Tests: test/integration/lane.test.ts, test/integration/lane-transparency.test.ts
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import { type BoundedMap, MAX_ENTRY_CHARACTERS } from "../bounded-map.js";
import type { ReadOutcome } from "../engine/read-outcome.js";
import { agingNow } from "../timers.js";
import { hostOf, isEncrypted, isNamedByHostAlone } from "./authority.js";
import type { Caller } from "./lane-callers.js";
import type { Found, RequestsOfRoute, Resolved, RouteRef } from "./resolved-request.js";

/** Requests that differ in the headers their route varies by; more than these go to the app. */
const MAX_VARIATIONS = 8;
/** Leaves room for the name of the request, within what is remembered at all. */
const MAX_VARIATIONS_CHARACTERS = MAX_ENTRY_CHARACTERS / 2;

/**
 * Targets that servers, proxies and routers read in more than one way (RFC 3986 section 6.2.2): the lane
 * leaves them to the app. Absolute-form (RFC 9112 section 3.2.2) does not begin with a slash.
 */
const USUAL_TARGET = /^\/(?!\/)(?:(?!\/\/|\/\.|\\|#|%2e|%2f|%5c|%00).)*$/i;

/** One of the requests that share a name, by the values of the headers that the route varies by. */
interface Variation {
  readonly vary: readonly string[];
  readonly found: Found;
}

/**
 * What the app does with a method, authority and URL for one caller: the entry that `cacheList` answers it
 * from.
 */
export class LearntRequest {
  /** What remembering it keeps alive. */
  readonly characters: number;
  readonly #requests: RequestsOfRoute;
  readonly #obeysRequest: boolean;
  readonly #until: number;
  readonly #variations: readonly Variation[];

  constructor(
    requests: RequestsOfRoute,
    obeysRequest: boolean,
    untilMs: number,
    variations: readonly Variation[] = [],
    characters = 0,
  ) {
    this.#requests = requests;
    this.#obeysRequest = obeysRequest;
    this.#until = untilMs;
    this.#variations = variations;
    this.characters = characters;
  }

  isOf(requests: RequestsOfRoute): boolean {
    return this.#requests === requests && agingNow() < this.#until;
  }

  /** With one more variation, and without the oldest ones where there are too many, or they are too long. */
  with(req: IncomingMessage, found: Found): LearntRequest {
    const vary = this.#requests.varyOf(req);
    const others = this.#variations.filter((known) => !areSame(known.vary, vary));
    const variations: Variation[] = [];
    let characters = 0;
    for (const variation of [{ vary, found }, ...others.slice(0, MAX_VARIATIONS - 1)]) {
      const more = variation.vary.reduce((sum, value) => sum + value.length, variation.found.characters);
      if (variations.length > 0 && characters + more > MAX_VARIATIONS_CHARACTERS) break;
      variations.push(variation);
      characters += more;
    }
    return new LearntRequest(this.#requests, this.#obeysRequest, this.#until, variations, characters);
  }

  /** `undefined` where the app must be asked. */
  refFor(req: IncomingMessage): RouteRef | undefined {
    if (agingNow() >= this.#until) return undefined;
    const { headers } = req;
    if (this.#obeysRequest && (headers["cache-control"] !== undefined || headers.pragma !== undefined))
      return undefined;
    const vary = this.#requests.varyOf(req);
    for (const known of this.#variations) if (areSame(known.vary, vary)) return known.found.ref;
    return undefined;
  }
}

/** By the name of the request: see {@link nameOf}. */
export type LearntRequests = BoundedMap<LearntRequest>;

/**
 * Caller, authority, method (GET or HEAD) and URL: all that the app may decide by, beside what `use` repeats.
 *
 * @returns `undefined` where the request must be left to the app: it names no authority, or more than one
 */
export function nameOf(caller: Caller, req: IncomingMessage): string | undefined {
  const host = hostOf(req);
  if (host === undefined) return undefined;
  const asks = isEncrypted(req) ? TLS_METHODS : METHODS;
  const how = req.method === "HEAD" ? asks.head : asks.get;
  if (isNamedByHostAlone(req)) return `${caller.id}${how}${req.url}\n${host}`;
  const { "x-forwarded-host": forwardedHost = "", "x-forwarded-proto": proto = "" } = req.headers;
  if (typeof forwardedHost !== "string" || typeof proto !== "string") return undefined;
  // Whether the app believes them depends on who has sent them.
  const peer = req.socket.remoteAddress;
  const name = `+${caller.id}${how}${req.url}\n${host}\n${forwardedHost}\n${proto}\n${peer}`;
  return req.httpVersionMajor === 2 ? `+${name}\n${req.headers[":scheme"]}` : name;
}

/** Texts are put together for each request: the fewer parts, the sooner. */
const METHODS = { get: " http GET ", head: " http HEAD " };
const TLS_METHODS = { get: " https GET ", head: " https HEAD " };

/**
 * The form of a name whose parts have no line breaks. Parts that came over the wire have none; a request that
 * was made off the socket may, and is not learnt. So two requests with the same name have the same parts.
 */
const UNMISTAKABLE_NAME = /^(?:\d[^\n]*\n[^\n]+|\+\d[^\n]*(?:\n[^\n]*){4}|\+\+\d[^\n]*(?:\n[^\n]*){5})$/;

export class PassedRequest {
  readonly #caller: Caller;
  readonly #name: string;
  readonly #url: string;
  readonly #learnt: LearntRequests;
  readonly #relearnMs: number;
  /**
   * False where the fences of the caller's tags had not been read when the app was asked: a change of the
   * caller's rights in between would not be noticed later.
   */
  readonly #mayLearn: boolean;
  /** What the lane has read on behalf of this request already. */
  found: { readonly ref: RouteRef; readonly outcome: ReadOutcome } | undefined;
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
  handledBy(requests: RequestsOfRoute, obeysRequest: boolean, resolved: Resolved, req: Request): void {
    if (this.#wasHandled) return;
    this.#wasHandled = true;
    if (requests.areOpaque || !this.#mayLearn || !this.#isAsItCame(req) || !this.#isTheirs(resolved)) {
      this.#learnt.delete(this.#name);
      return;
    }
    let learnt = this.#learnt.get(this.#name);
    if (!learnt?.isOf(requests))
      learnt = new LearntRequest(requests, obeysRequest, agingNow() + this.#relearnMs);
    this.#learnt.set(this.#name, learnt.with(req, resolved));
  }

  /**
   * Where middleware has rewritten the URL, nobody knows what it decided by: the lane does not learn from
   * such a request.
   */
  #isAsItCame(req: Request): boolean {
    const { originalUrl, baseUrl, url } = req;
    if (originalUrl !== this.#url || !USUAL_TARGET.test(this.#url)) return false;
    if (!UNMISTAKABLE_NAME.test(this.#name)) return false;
    if (baseUrl + url === this.#url) return true;
    // Express adds the slash where a router's path is all of the path: "/leads?page=2" is "/?page=2" below
    // "/leads".
    return (url === "/" || url.startsWith("/?")) && baseUrl + url.slice(1) === this.#url;
  }

  #isTheirs(resolved: Resolved): resolved is Found {
    if ("bypass" in resolved) return false;
    const { tenant, scope } = this.#caller;
    return resolved.ref.tenant === tenant && (resolved.scope === "" || resolved.scope === scope);
  }
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
