// One route of the app under verification: reads of it, with and without the cache, as either tenant.
// Tests: test/integration/verify-routes.test.ts
import type { CacheEvent, ReadsEvent } from "../engine/events.js";
import { delay, monotonicNow } from "../timers.js";
import { claimingBody } from "./claims.js";
import { CheckFailure, type Comparison, compareBodies } from "./comparison.js";
import type { AbortMoment, Answer, ReadOptions, ServedApp } from "./http-exchange.js";
import {
  fillPath,
  type Mutation,
  type TenantIndex,
  type VerifiedRoute,
  type VerifyOptions,
} from "./options.js";

/** `nobody`: a request without what authenticates a tenant. */
export type Who = TenantIndex | "nobody";

/** An answer, and for whom the cache has taken its request. */
export interface Observed {
  readonly answer: Answer;
  readonly tenants: readonly string[];
}

/** Where the cache has placed a tenant's request. */
interface Place {
  readonly tenant: string;
  readonly module: string;
}

// cacheList never serves a part, so any Range passes it by; a handler ignores a unit that it does not know
// (RFC 9110 section 14.2), where `bytes` could make it answer 206.
const PAST_THE_CACHE = { range: "uncached=0-" };
/** Bytes are compared: in one coding. */
const PLAIN = { "accept-encoding": "identity" };
const DECIDED = ["hit", "miss", "stale", "collapsed"] as const;
const SEEN = [...DECIDED, "bypass"] as const;
const POLL_MS = 20;

export class RouteProbe {
  readonly route: VerifiedRoute;
  readonly options: VerifyOptions;
  readonly timeoutMs: number;
  readonly #app: ServedApp;
  readonly #places = new Map<TenantIndex, Place[]>();
  #round = 0;
  /** Once a route has been waited for in vain, it is not waited for again. */
  #patience: number;

  constructor(app: ServedApp, route: VerifiedRoute, options: VerifyOptions, timeoutMs: number) {
    this.#app = app;
    this.route = route;
    this.options = options;
    this.timeoutMs = timeoutMs;
    this.#patience = timeoutMs;
  }

  url(tenant: TenantIndex): string {
    return fillPath(this.route.path, this.route.params, tenant);
  }

  /** Reads as anybody would. */
  async read(who: Who, options: ReadOptions = {}): Promise<Answer> {
    const { events } = this.options.cache;
    const told: string[] = [];
    // Routes may leave Cache-Status out.
    const notes = SEEN.map(
      (name) => [name, (event: CacheEvent) => void told.push(statusIn(name, event))] as const,
    );
    for (const [name, note] of notes) events.on(name, note);
    try {
      return { ...(await this.#app.send(this.#get(who, options))), told: told.at(-1) };
    } finally {
      for (const [name, note] of notes) events.off(name, note);
    }
  }

  /** Reads what the handler answers now. */
  async uncached(who: Who, options: ReadOptions = {}): Promise<Answer> {
    const answer = await this.read(who, { ...options, headers: { ...options.headers, ...PAST_THE_CACHE } });
    if (isHit(answer))
      throw new CheckFailure("a request with Range was a hit: is it a cacheList of this cache?");
    return answer;
  }

  abort(who: Who, moment: AbortMoment): Promise<void> {
    return this.#app.abort(this.#get(who, {}), moment);
  }

  /**
   * Changes what the first tenant's route answers.
   * @throws CheckFailure where that is refused; 503 is allowed where the route may refuse changes in an
   *   outage (`onUnreachable`)
   */
  async mutate({ mayBeUnavailable = false } = {}): Promise<void> {
    const mutation = this.#nextMutation();
    const { body } = mutation;
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await this.#send(mutation, text);
    if (answer.status < 400 || (mayBeUnavailable && answer.status === 503)) return;
    throw new CheckFailure(`the mutation was answered with ${answer.status}: ${excerpt(answer.body)}`);
  }

  /**
   * The same, with another tenant's name in its body. Resolves with false where that cannot be said, or is
   * refused.
   */
  async mutateFor(name: string): Promise<boolean> {
    const mutation = this.#nextMutation();
    const { body = {} } = mutation;
    if (typeof body !== "object" || body === null || Array.isArray(body)) return false;
    const answer = await this.#send(mutation, claimingBody(this.options, name, body));
    return answer.status < 400;
  }

  #nextMutation(): Mutation {
    const { mutate } = this.route;
    if (mutate === undefined) throw new TypeError("the route has no mutation");
    return typeof mutate === "function" ? mutate(this.#round++) : mutate;
  }

  #send({ method, path, headers, body: given }: Mutation, body: string | undefined): Promise<Answer> {
    const isJson = body !== undefined && typeof given !== "string";
    return this.#app.send({
      method,
      path: fillPath(path, this.route.params, 0),
      headers: {
        ...(isJson && { "content-type": "application/json" }),
        ...this.options.tenants[0].headers,
        ...headers,
      },
      body,
    });
  }

  /** Learns which tenant and modules the cache takes a tenant's requests for, from the events of one read. */
  async places(tenant: TenantIndex): Promise<readonly Place[]> {
    const known = this.#places.get(tenant);
    if (known) return known;
    const { places } = await this.#heard(DECIDED, () => this.read(tenant));
    this.#places.set(tenant, places);
    return places;
  }

  /** Reads what the handler answers now, and listens to whom the cache takes the request for. */
  async observe(who: Who, options: ReadOptions): Promise<Observed> {
    const { result: answer, places } = await this.#heard(SEEN, () => this.uncached(who, options));
    return { answer, tenants: places.map(({ tenant }) => tenant) };
  }

  async #heard<T>(
    names: readonly (typeof SEEN)[number][],
    read: () => Promise<T>,
  ): Promise<{ result: T; places: Place[] }> {
    const { events } = this.options.cache;
    const places: Place[] = [];
    const note = ({ tenant: id, module }: CacheEvent) => {
      if (id !== undefined) places.push({ tenant: id, module });
    };
    for (const name of names) events.on(name, note);
    try {
      return { result: await read(), places };
    } finally {
      for (const name of names) events.off(name, note);
    }
  }

  /** What the handler reads for both tenants, once the catalogue is known, which a new cache may still read; empty where no pool is tracked. */
  async knownReads(): Promise<readonly ReadsEvent[]> {
    const untilMs = monotonicNow() + this.timeoutMs;
    for (;;) {
      await this.cool();
      const seen = await this.#reads();
      if (monotonicNow() > untilMs || !seen.some(({ detail }) => detail === "catalogue")) return seen;
    }
  }

  /** Has the handler answer both tenants, and listens to what it reads. */
  async #reads(): Promise<readonly ReadsEvent[]> {
    const { events } = this.options.cache;
    const seen: ReadsEvent[] = [];
    const note = (event: ReadsEvent) => void seen.push(event);
    events.on("reads", note);
    try {
      for (const tenant of [0, 1] as const) await this.read(tenant);
      // It is told once the answer has been sent.
      await delay(POLL_MS);
    } finally {
      events.off("reads", note);
    }
    return seen;
  }

  /** Cuts off what is cached of the route, for both tenants. */
  async cool(): Promise<void> {
    for (const tenant of [0, 1] as const) {
      for (const place of await this.places(tenant)) {
        await this.options.cache.invalidateTenantCache(place.tenant, place.module);
      }
    }
  }

  /** Reads until there is a hit, which it returns; or the last answer, where none comes. */
  async warm(tenant: TenantIndex): Promise<Answer> {
    const untilMs = monotonicNow() + this.#patience;
    let answer = await this.read(tenant);
    while (!isHit(answer)) {
      await this.options.cache.idle();
      answer = await this.read(tenant);
      if (isHit(answer) || !mayBecomeHit(answer) || monotonicNow() >= untilMs) break;
      // `settleMs` of the route, or an outage that is just over: nothing tells when storing begins again.
      await delay(POLL_MS);
    }
    if (!isHit(answer)) this.#patience = 0;
    return answer;
  }

  /** As {@link warm}. @throws CheckFailure where there is no hit */
  async warmed(tenant: TenantIndex): Promise<Answer> {
    const answer = await this.warm(tenant);
    if (isHit(answer)) return answer;
    throw new CheckFailure(`tenant ${tenant + 1} gets no hit (Cache-Status: ${cacheStatus(answer)})`);
  }

  /** How two bodies compare, by what counts of them. */
  compare(actual: Answer, expected: Answer): Comparison {
    return compareBodies(actual, expected, this.route.normalize);
  }

  /** @throws CheckFailure where status or body are not the expected ones */
  expectSame(actual: Answer, expected: Answer, what: string, advice?: string): void {
    const comparison = this.compare(actual, expected);
    if (comparison.same) return;
    throw new CheckFailure(`${what}: ${comparison.difference}${advice === undefined ? "" : `; ${advice}`}`);
  }

  #get(who: Who, { url = this.url(who === 1 ? 1 : 0), headers, body }: ReadOptions) {
    const identity = who === "nobody" ? {} : this.options.tenants[who].headers;
    return { method: "GET", path: url, headers: { ...PLAIN, ...identity, ...headers }, body };
  }
}

/** What this cache says of the answer; caches in front of it may say something too. */
export function cacheStatus({ headers, told = "none" }: Answer): string {
  const members = String(headers["cache-status"] ?? "").split(",");
  const own = members
    .map((member) => member.trim())
    .find((member) => member.startsWith("express-tenant-cache"));
  return own ?? told;
}

function statusIn(name: (typeof SEEN)[number], { detail }: CacheEvent): string {
  const isHit = name === "hit" || name === "stale";
  const fwd = name === "bypass" ? "bypass" : "miss";
  return `express-tenant-cache; ${isHit ? "hit" : `fwd=${fwd}${detail === undefined ? "" : `; detail=${detail}`}`}`;
}

export function isHit(answer: Answer): boolean {
  return /; hit\b/.test(cacheStatus(answer));
}

/**
 * Whether time can help: not where no cacheList has seen the request, nor where it is none that could be
 * cached.
 */
function mayBecomeHit(answer: Answer): boolean {
  const status = cacheStatus(answer);
  if (status === "none") return false;
  return !status.includes("fwd=bypass") || /detail=(store-unavailable|write-pending)/.test(status);
}

function excerpt(body: Buffer): string {
  return body.toString("utf8", 0, 200);
}
