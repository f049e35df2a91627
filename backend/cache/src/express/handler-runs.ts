// The handler of a cached route answers: recorded and stored, shared with those that wait for it, or untouched.
// Tests: test/integration/cache-list.test.ts, test/faults/store-away-shared.test.ts
import type { NextFunction, Response } from "express";
import type { ForwardedStatus } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import type { Fill } from "../engine/fill.js";
import type { Miss, Stale } from "../engine/miss.js";
import type { RunLimit } from "../engine/run-limit.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import type { HandlerReads } from "../reads/handler-reads.js";
import { callerOf, tellQueries } from "./answer-observer.js";
import type { Exchange, Missing } from "./exchange.js";
import { HandlerPlaces, type HandlerRun } from "./handler-places.js";
import type { HttpServices } from "./http-services.js";
import { countBypass, passOn } from "./pass-by.js";
import { recordInto } from "./recorder.js";
import type { RecordedRoute } from "./recorder-rules.js";
import { clientOf, isGone } from "./replay.js";
import type { RouteFunctions } from "./route-functions.js";
import { type RouteReplica, replicaOf } from "./route-replica.js";
import type { RouteRequests } from "./route-request.js";
import type { StorabilityRules } from "./storability.js";
import { whenAnswered } from "./when-answered.js";

/** What a route says of its handler's answers. */
export interface RunRules {
  readonly options: ParsedRouteOptions;
  readonly functions: RouteFunctions;
  readonly storability: StorabilityRules;
  readonly requests: RouteRequests;
  readonly limit: RunLimit | undefined;
}

/** A run whose answer is for those who wait, and not for the store. */
interface Sharing {
  readonly status: ForwardedStatus;
  readonly ended: () => void;
}

const NOTHING_HELD: Missing = { fwd: "miss" };
const NOBODY = (): void => undefined;
/** Of an answer that is looked at, and goes to its client alone. */
const NOT_STORED: Fill = {
  tokens: [],
  isUnlikely: true,
  unshare: NOBODY,
  commit: NOBODY,
  share: NOBODY,
  fail: NOBODY,
  abandon: NOBODY,
};

export class HandlerRuns {
  readonly places: HandlerPlaces;
  readonly #http: HttpServices;
  readonly #module: string;
  readonly #rules: RunRules;
  /** Absent where the handler reads the primary. */
  readonly replica: RouteReplica | undefined;
  readonly #recorded: RecordedRoute;
  readonly #isAuto: boolean;

  constructor(http: HttpServices, module: string, rules: RunRules) {
    this.#http = http;
    this.#module = module;
    this.#rules = rules;
    this.replica = replicaOf(http, rules.options, module);
    const { staleWhileRevalidate, staleIfError } = rules.options;
    this.#recorded = {
      ...rules.storability,
      maxStaleSeconds: Math.max(staleWhileRevalidate, staleIfError),
      own: rules.requests.own,
      functions: rules.functions,
      onUndeclaredVary: (names) => http.misuse.varied(module, names),
    };
    this.#isAuto = rules.options.dependsOn === "auto";
    this.places = new HandlerPlaces(http, rules.options.fill, rules.limit);
  }

  /**
   * Of the requests that miss together one leads, and its handler answers; the others join, and get the same
   * answer.
   */
  async fill(miss: Miss | Stale, missing: Missing, exchange: Exchange): Promise<void> {
    const { ref, req, res, next } = exchange;
    // `cacheList` is mounted twice for this request, which would wait for itself.
    if (this.#http.isFilling(req, ref)) {
      miss.drop();
      next();
      return;
    }
    const outcome = await miss.open(missing.notBeforeMs || undefined, clientOf(res));
    if (this.#isAuto) await this.#http.reads.settled();
    if (outcome.kind === "lead") await this.#lead(outcome.fill, missing, exchange);
    // A crowd that has given up would have the handler run once for each.
    else if (isGone(res)) return;
    else if (res.headersSent) leave(res, next);
    else if (outcome.kind === "follow") {
      const isSent = this.#join(outcome.entry, { fwd: missing.fwd, collapsed: true }, exchange);
      if (isSent) this.#http.note("collapsed", ref);
    } else {
      // No fill of a request fails: that is for loads of values.
      const detail = outcome.kind === "run" ? outcome.reason : "unstorable";
      const status = { fwd: missing.fwd, detail };
      if (detail === "store-unavailable") await this.#share(status, missing, exchange);
      else this.#pass(status, missing, exchange);
    }
  }

  async #lead(fill: Fill, missing: Missing, exchange: Exchange): Promise<void> {
    const { ref, req, res, next } = exchange;
    if (!this.replica || (await this.replica.hasReplayed(req, ref, fill.tokens))) {
      this.#record(fill, missing, exchange);
      return;
    }
    fill.abandon("replica-lag");
    if (res.headersSent) leave(res, next);
    else this.#pass({ fwd: missing.fwd, detail: "replica-lag" }, missing, exchange);
  }

  /** The handler answers a HEAD: nothing is stored. */
  withoutFill(missing: Missing, exchange: Exchange): void {
    this.#record(undefined, missing, exchange);
  }

  /** The store cannot say what is fresh: see `engine/shared-runs.ts`. */
  withoutStore(detail: "store-unavailable" | "write-pending", exchange: Exchange): void {
    const { ref, req, res, next } = exchange;
    countBypass(this.#http, { detail, tenant: ref.tenant, module: this.#module }, res);
    const status = { fwd: "bypass", detail } as const;
    if (detail !== "store-unavailable" || req.method === "HEAD") {
      this.#pass(status, NOTHING_HELD, exchange);
      return;
    }
    // Known not to be cut off before this request came, whatever happens to the handler afterwards.
    const mayBeStale = this.#rules.options.staleIfError > 0;
    const stale = mayBeStale ? this.#http.engine.lookups.recalled(ref, true) : undefined;
    this.#share(status, stale ? { fwd: "miss", stale } : NOTHING_HELD, exchange).catch(next);
  }

  async #share(status: ForwardedStatus, missing: Missing, exchange: Exchange): Promise<void> {
    const { ref, req, res, next } = exchange;
    // As above: it would wait for itself.
    if (this.#http.isFilling(req, ref)) {
      this.#pass(status, missing, exchange);
      return;
    }
    const outcome = await this.#http.engine.shared.open(ref, clientOf(res));
    if (outcome.kind === "lead") {
      const { fill, ended } = outcome;
      this.#http.fills(req, ref);
      whenAnswered(res, ended, this.places.waitMs);
      if (fill) this.#record(fill, missing, exchange, { status, ended });
      else this.#pass(status, missing, exchange, ended);
    } else if (isGone(res)) return;
    else if (res.headersSent) leave(res, next);
    else if (outcome.kind === "follow") this.#join(outcome.entry, { ...status, collapsed: true }, exchange);
    else this.#pass(status, missing, exchange);
  }

  /** Sends what another request's handler has answered. @returns whether it could be sent */
  #join(entry: Entry, status: ForwardedStatus, exchange: Exchange): boolean {
    const { ref, req, res, next } = exchange;
    const sending = this.#http.sender.send(req, res, entry, status, Date.now(), ref.own);
    if (sending !== "unsent") return true;
    passOn(ref.own, { fwd: "miss", detail: "unsendable" }, res, next);
    return false;
  }

  /** The handler answers; without a fill (HEAD) nothing is stored. */
  #record(fill: Fill | undefined, missing: Missing, exchange: Exchange, shared?: Sharing): void {
    const { options } = this.#http;
    const { ref, req, res, next } = exchange;
    if (fill && !shared) this.#http.fills(req, ref);
    const reads = fill && !shared ? this.#readsOf(fill, exchange) : undefined;
    const run = () => {
      if (fill && options.advice.queries) tellQueries(this.#http, ref.figures, req, res);
      const { memory } = this.#http.engine;
      const fallback = this.#fallback(missing);
      recordInto(fill, req, res, {
        route: this.#recorded,
        fwd: missing.fwd,
        status: shared?.status,
        reads: this.#isAuto ? reads : undefined,
        caller: ref.figures && ref.viewer === 0 ? callerOf(req) : undefined,
        onHead: (isStreamed) => memory.tells(ref, isStreamed ? "streamed" : undefined),
        onUnstored: (why) => this.#http.unstored(ref, why),
        insteadOfError:
          fallback &&
          (() => {
            const isSent = this.#insteadOfError(fallback, exchange);
            if (isSent) memory.tells(ref, "stale-if-error");
            return isSent;
          }),
      });
      if (reads) this.#http.reads.during(reads, next);
      else next();
    };
    const leave = () => {
      fill?.abandon("failed");
      shared?.ended();
    };
    this.#enter(exchange, missing, { fwd: shared?.status.fwd ?? missing.fwd, run, leave });
  }

  /** `undefined` where nobody wants to know what the handler reads. */
  #readsOf({ tokens }: Fill, { ref, res }: Exchange): HandlerReads | undefined {
    const { reads, engine } = this.#http;
    const { requests, options } = this.#rules;
    if (!this.#isAuto && !(reads.tracksAnything && engine.events.isHeard("reads"))) return undefined;
    const epoch = tokens[ref.fenceKeys.indexOf(engine.keys.feedEpoch)];
    const own = reads.begin(ref.tenant, epoch);
    res.once("close", () => {
      const { seen } = own;
      requests.lastReads = seen;
      const { tenant, module, entryKey: key } = ref;
      const detail = seen.why ?? undefined;
      engine.events.publish("reads", { tenant, module, key, detail, dependsOn: options.dependsOn, ...seen });
    });
    return own;
  }

  /** The handler answers, and nobody waits for that; recorded only where an entry may answer in its place. */
  #pass(status: ForwardedStatus, missing: Missing, exchange: Exchange, leave = NOBODY): void {
    if (this.#fallback(missing)) {
      this.#record(NOT_STORED, missing, exchange, { status, ended: leave });
      return;
    }
    const run = () => passOn(this.#rules.requests.own, status, exchange.res, exchange.next);
    this.#enter(exchange, missing, { fwd: status.fwd, run, leave });
  }

  #enter(exchange: Exchange, missing: Missing, handlerRun: Omit<HandlerRun, "answersStale">): void {
    const answersStale = () => {
      const fallback = this.#fallback(missing);
      return fallback !== undefined && this.#insteadOfError(fallback, exchange);
    };
    this.places.enter(exchange, { ...handlerRun, answersStale });
  }

  /** The entry that may answer in the place of a failure. */
  #fallback({ stale }: Missing): Entry | undefined {
    return stale && isWithin(stale, this.#rules.options.staleIfError) ? stale : undefined;
  }

  /** @returns whether it has answered; the response is as it was where not */
  #insteadOfError(entry: Entry, { ref, req, res }: Exchange): boolean {
    const { counters, events } = this.#http.engine;
    const status = { fwd: "stale", detail: "stale-if-error" } as const;
    if (this.#http.sender.send(req, res, entry, status, Date.now(), ref.own) === "unsent") return false;
    counters.add("stale", ref.tenant, ref.module);
    events.publish("stale", {
      tenant: ref.tenant,
      module: ref.module,
      key: ref.entryKey,
      detail: "if-error",
    });
    return true;
  }
}

export function isWithin(entry: Entry, staleSeconds: number): boolean {
  return entry.expiresAt > entry.staleAt && Date.now() < entry.staleAt + staleSeconds * 1000;
}

/**
 * While the store was asked, a time limit or the like has begun to answer: the handler learns of that, unless
 * the answer has ended.
 */
export function leave(res: Response, next: NextFunction): void {
  if (!res.writableEnded) next();
}
