// What all routes and lanes of one cache share for as long as it lives: engine, options, tenants.
// Tests: test/integration/cache-list.test.ts, test/integration/invalidate-cache.test.ts
import type { ServerResponse } from "node:http";
import type { Request } from "express";
import { BoundedMap, ownText } from "../bounded-map.js";
import type { BypassReason, Forwarded, UnstoredReason } from "../cache-status.js";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { MissEvidence, Missed } from "../engine/entry-memory.js";
import type { EntryRef } from "../engine/entry-ref.js";
import type { Moment } from "../engine/latencies.js";
import type { Hit } from "../engine/read-outcome.js";
import { RunLimit } from "../engine/run-limit.js";
import { tenantId } from "../identifiers.js";
import type { Logger } from "../logger.js";
import type { Telemetry } from "../metrics/telemetry.js";
import type { Misuse } from "../misuse/misuse.js";
import type { ParsedCacheOptions } from "../options/cache-options.js";
import { ReadTracker } from "../reads/read-tracker.js";
import { isThenable } from "../shown.js";
import { messageOf } from "../thrown.js";
import { type AskedAs, askedAs } from "./asked-as.js";
import { AskedOnce } from "./asked-once.js";
import { dryRunOf } from "./dry-run.js";
import { EntrySender, type Sending } from "./entry-sender.js";
import { Origins, routeOf } from "./origins.js";
import type { PassedRequest } from "./passed-request.js";
import { RecentRequests } from "./recent-requests.js";
import { Refresher } from "./refresher.js";
import { isHandedOver } from "./replay.js";
import type { Found } from "./resolved-request.js";

/** What is remembered of requests, for all routes: some ten thousand of usual length. */
const MAX_REQUEST_CHARACTERS = 8 * 1024 * 1024;
/** Of some ten thousand tenants. */
const MAX_TENANT_CHARACTERS = 4 * 1024 * 1024;
const MAX_FENCE_KEY_CHARACTERS = 4 * 1024 * 1024;

const REFUSED: MissEvidence = { reason: "refused" };

/** Why a request is not looked up. */
type Bypassed = {
  readonly detail: BypassReason;
  readonly tenant?: string | undefined;
  readonly module: string;
};

const COUNTED_AS = {
  hit: ["hits"],
  stale: ["hits", "stale"],
  miss: ["misses"],
  collapsed: ["collapsed"],
} as const;

export class HttpServices {
  readonly engine: CacheEngine;
  readonly options: ParsedCacheOptions;
  readonly logger: Logger;
  readonly misuse: Misuse;
  readonly sender: EntrySender;
  /** Absent without the option. */
  readonly telemetry: Telemetry | undefined;
  readonly origins: Origins;
  readonly reads: ReadTracker;
  /** Requests that were no hits. */
  readonly recent = new RecentRequests();
  /** How the last request that missed had come: explanations stand in for one like it. */
  lastAsked: AskedAs | undefined;
  /** The entries that requests of all routes name, by all that this depends on: see `route-request.ts`. */
  readonly requests = new BoundedMap<Found>({
    maxCharacters: MAX_REQUEST_CHARACTERS,
    charactersOf: ({ characters }) => characters,
  });
  /** What is asked for the second time is put in there: the collector would have to walk through all that is asked once. */
  readonly askedOnce = new AskedOnce();
  /**
   * Fence keys are the same texts for all requests of a route and tenant: shared, not written anew for each.
   */
  readonly fenceKeys = new BoundedMap<readonly string[]>({
    maxCharacters: MAX_FENCE_KEY_CHARACTERS,
    charactersOf: (keys) => keys.reduce((sum, key) => sum + key.length, 0),
  });
  /** Requests that the lane has passed to the app, for the first `cacheList` that they reach. */
  readonly passedByLane = new WeakMap<object, PassedRequest>();
  /**
   * Tenants in the form that keys use, by what the resolver returned: looking an id up costs a hit less than
   * checking it again.
   */
  readonly #tenants = new BoundedMap<string>({ maxCharacters: MAX_TENANT_CHARACTERS });
  /** The keys of the entries that a request's handler fills. */
  readonly #filling = new WeakMap<object, readonly string[]>();
  /** Requests whose tenant was a promise. */
  readonly #asynchronous = new WeakSet<object>();
  /** Of all routes that have no bound of their own; absent without the option. */
  readonly #limit: RunLimit | undefined;
  #routes = 0;
  #resolverHasThrown = false;
  #refresher: Refresher | undefined;

  constructor(engine: CacheEngine, options: ParsedCacheOptions, misuse: Misuse, telemetry?: Telemetry) {
    this.engine = engine;
    this.telemetry = telemetry;
    this.options = options;
    this.logger = options.logger;
    this.misuse = misuse;
    this.sender = new EntrySender(options.logger);
    this.origins = new Origins(options);
    this.reads = new ReadTracker(engine.feed, options.logger);
    this.#limit = this.#newLimit(options.fill.maxConcurrent);
  }

  /** What bounds how many handlers of a route run at once; `undefined` where nothing does. */
  limitOf({ maxConcurrent }: { readonly maxConcurrent?: number | undefined }): RunLimit | undefined {
    return this.#newLimit(maxConcurrent) ?? this.#limit;
  }

  #newLimit(maxConcurrent: number | undefined): RunLimit | undefined {
    const { maxWaiting } = this.options.fill;
    return maxConcurrent === undefined ? undefined : new RunLimit({ maxConcurrent, maxWaiting });
  }

  /** Counts a decision and publishes it. */
  note(event: "hit" | "stale" | "miss" | "collapsed", ref: EntryRef): void {
    const { counters, events, advisor } = this.engine;
    for (const counter of COUNTED_AS[event]) counters.add(counter, ref.tenant, ref.module);
    this.telemetry?.decided(event);
    events.asked(ref);
    if (event !== "collapsed") advisor?.asked(ref, event === "miss" ? "runs" : "none");
    if (events.isHeard(event))
      events.publish(event, { tenant: ref.tenant, module: ref.module, key: ref.entryKey });
  }

  /** Remembers why an answer is not stored. */
  unstored(ref: EntryRef, why: UnstoredReason): void {
    this.engine.memory.unstored(ref, why);
    ref.figures?.refused(why);
  }

  /**
   * Behind an answered hit: makes the next one smaller, or returns the memory of its body to the store that
   * has lent it.
   */
  answered(
    hit: Omit<Hit, "kind">,
    ref: EntryRef,
    res: ServerResponse,
    sending: Sending,
    begun: Moment,
  ): void {
    this.engine.counters.latencies.end("hit", begun);
    if (sending === "could-be-smaller") this.engine.makeVariants(ref, hit.entry);
    else if (hit.loan && isHandedOver(res)) this.engine.lookups.giveBack(hit.loan);
  }

  /** A miss lasts until its answer has been sent. */
  timeMiss(begun: Moment, res: ServerResponse): void {
    if (begun !== 0) res.once("finish", () => this.engine.counters.latencies.end("miss", begun));
  }

  /** Remembers why a request was no hit, for whoever asks by its id. */
  missed(req: Request, ref: EntryRef, fwd: Forwarded, found: Missed): void {
    const { memory } = this.engine;
    const isRefused = fwd === "request";
    const evidence = isRefused ? REFUSED : memory.missed(ref, found);
    if (isRefused) memory.count("refused");
    this.lastAsked = askedAs(req, this.lastAsked);
    const requestId = this.origins.requestId(req);
    if (requestId === undefined) return;
    const { tenant, module } = ref;
    const { seen } = found;
    const [route, atMs] = [routeOf(req), Date.now()];
    this.recent.add({ requestId, atMs, tenant, module, route, fwd, ref, evidence, seen });
  }

  bypassed(req: Request, { detail, tenant, module }: Bypassed): void {
    const requestId = this.origins.requestId(req);
    if (requestId === undefined) return;
    const [route, atMs] = [routeOf(req), Date.now()];
    this.recent.add({ requestId, atMs, tenant, module, route, fwd: "bypass", detail });
  }

  /** The request's handler fills this entry. */
  fills(req: object, { entryKey }: EntryRef): void {
    const before = this.#filling.get(req);
    this.#filling.set(req, before ? [...before, entryKey] : [entryKey]);
  }

  isFilling(req: object, { entryKey }: EntryRef): boolean {
    return this.#filling.get(req)?.includes(entryKey) ?? false;
  }

  /** Why a request without a tenant is not looked up. */
  bypassOf(req: Request): "no-tenant" | "async-tenant" {
    return this.#asynchronous.has(req) ? "async-tenant" : "no-tenant";
  }

  /** A name that no other route has. */
  nameRoute(): string {
    return String(this.#routes++);
  }

  /** Whether any route may be refreshed behind a response. */
  get refreshes(): boolean {
    return this.#refresher !== undefined;
  }

  /** Shared by all routes; made for the first that needs it, which throws where it cannot be had. */
  get refresher(): Refresher {
    this.#refresher ??= new Refresher(this.logger, this.options.fill.waitMs, this.options.inject);
    return this.#refresher;
  }

  /** Resolves when no background refresh is under way. */
  async idle(): Promise<void> {
    await this.#refresher?.idle();
  }

  /** No refresh begins from now on. Resolves when none is under way. */
  async close(): Promise<void> {
    await this.#refresher?.close();
  }

  #checked(id: string): string | undefined {
    const tenant = tenantId(id);
    if (tenant !== undefined) this.#tenants.set(id, ownText(tenant));
    return tenant;
  }

  /**
   * The tenant in the form that keys use; `undefined` where there is none, where its id is none, or where the
   * resolver throws.
   */
  tenantOf(req: Request): string | undefined {
    try {
      const id = this.options.tenant(req) ?? dryRunOf(req)?.tenant;
      if (id === undefined) return undefined;
      const tenant = typeof id === "string" ? (this.#tenants.get(id) ?? this.#checked(id)) : tenantId(id);
      if (tenant === undefined) {
        if (isThenable(id)) this.#asynchronous.add(req);
        this.misuse.returned.wrongTenant(id);
      }
      return tenant;
    } catch (error) {
      if (!this.#resolverHasThrown) {
        this.#resolverHasThrown = true;
        const reason = messageOf(error);
        this.logger.error(
          `express-tenant-cache: the tenant option threw (${reason}); such requests bypass the cache`,
        );
      }
      return undefined;
    }
  }
}
