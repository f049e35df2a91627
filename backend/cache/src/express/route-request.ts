// From a request on a cached route to the entry it names, or to the reason why it bypasses the cache.
// Tests: test/integration/cache-list.test.ts
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import type { RouteFigures, RouteKind } from "../advice/route-figures.js";
import { sampleOf, textHash } from "../advice/text-hash.js";
import { ownText } from "../bounded-map.js";
import type { BypassReason } from "../cache-status.js";
import { fenceKeysOf } from "../engine/fences.js";
import { HandlerDurations } from "../engine/handler-durations.js";
import { tagsOf } from "../identifiers.js";
import { declaredOf, type ParsedRouteOptions } from "../options/route-options.js";
import type { SeenReads } from "../reads/seen-reads.js";
import { isThenable } from "../shown.js";
import { urlParts } from "../url-parts.js";
import { Authorities } from "./authority.js";
import type { HttpServices } from "./http-services.js";
import { isLeased } from "./leased-route.js";
import { isMountItself, mountedPath, rewrittenFrom } from "./mounted-at.js";
import { type OwnHeaders, ownHeaders } from "./own-headers.js";
import {
  hasOnly,
  hasParserOfItsOwn,
  queryOf,
  queryText,
  verbatim,
  withOnly,
  withoutIgnored,
} from "./query-params.js";
import { contentOf, isConditional } from "./request-content.js";
import { fieldOf, hasBody } from "./request-fields.js";
import { canonicalParams, hashParams } from "./request-key.js";
import { RequestRef } from "./request-ref.js";
import type { RequestsOfRoute, Resolved } from "./resolved-request.js";
import type { RouteFunctions } from "./route-functions.js";

/** Resolves the requests of one route. What follows from the text of a request alone is remembered. */
export class RouteRequests implements RequestsOfRoute {
  readonly #http: HttpServices;
  readonly #module: string;
  readonly #route: ParsedRouteOptions;
  /** Lower case. */
  readonly #vary: readonly string[];
  readonly #modules: readonly string[];
  /** Modules that handlers may turn out to have read. */
  readonly #reads: readonly string[] | undefined;
  readonly #authorities: Authorities;
  /** Keeps the requests of different routes apart in the memory that they share. */
  readonly #name: string;
  readonly #own: OwnHeaders;
  readonly #isLeased: boolean;
  readonly #durations: HandlerDurations;
  readonly #functions: RouteFunctions;
  /** Known before the handler runs; absent where the route has none, or its answers are asked for theirs. */
  readonly #tags: ((req: Request) => readonly string[]) | undefined;
  readonly areOpaque: boolean;
  /** Of its last handler; `null` where nobody has looked. */
  lastReads: SeenReads | null = null;
  /** Of this route; absent where nothing is sampled. */
  readonly figures: RouteFigures | undefined;

  /** @param kind whether its requests are looked up, or observed only */
  constructor(
    http: HttpServices,
    module: string,
    route: ParsedRouteOptions,
    functions: RouteFunctions,
    kind: Exclude<RouteKind, "values">,
  ) {
    this.#http = http;
    this.figures = http.engine.advisor?.route({
      module,
      kind,
      ttlSeconds: typeof route.ttlSeconds === "number" ? route.ttlSeconds : undefined,
      isScoped: typeof (route.scope ?? http.options.scope) === "function",
      hasTags: route.tags !== undefined,
      staleSeconds: route.staleWhileRevalidate,
    });
    this.#functions = functions;
    // It names no second parameter.
    this.#tags = functions.tagsOfAnswers ? undefined : (route.tags as (req: Request) => readonly string[]);
    this.areOpaque = route.skip !== undefined || route.varyBy !== undefined;
    this.#module = module;
    this.#route = route;
    this.#vary = route.vary.map((name) => name.toLowerCase());
    const isAuto = route.dependsOn === "auto";
    if (isAuto) http.reads.refuseUntracked("cacheList");
    this.#reads = isAuto
      ? [...http.engine.keys.coveredModules].sort().filter((each) => each !== module)
      : undefined;
    this.#modules = [module, ...(this.#reads ?? declaredOf(route))];
    this.#authorities = new Authorities(route.authority ?? http.options.authority);
    this.#name = `${http.nameRoute()}\n`;
    this.#durations = new HandlerDurations(route.fill.waitMs ?? http.options.fill.waitMs);
    this.#own = ownHeaders(http.options.headers, route.headers, http.options.compress);
    this.#isLeased = isLeased(http, route, this.#modules);
  }

  /** A request was not looked up. */
  refused(req: Request, reason: string): void {
    const { figures } = this;
    if (!figures) return;
    figures.path ??= mountedPath(req);
    figures.refused(reason);
  }

  /** Throws what the user's own scope, tags or query function throws. */
  resolve(req: Request): Resolved {
    const route = this.#route;
    const tenant = this.#http.tenantOf(req);
    if (tenant === undefined) return { bypass: this.#http.bypassOf(req), tenant };
    const content = req.method === "GET" ? "" : contentOf(req, route.body.maxBytes);
    if (typeof content !== "string") return { ...content, tenant };
    const bypass = isConditional(req) ? "precondition" : bypassReason(req, content !== "");
    if (bypass !== undefined) return { bypass, tenant };
    if (route.skip && this.#functions.skips(req)) return { bypass: "skipped", tenant };
    const authority = this.#authorities.of(req);
    if (authority === undefined) return { bypass: "authority", tenant };
    const scope = this.#scopeOf(req);
    if (typeof scope !== "string") return { bypass: scope.bypass, tenant };
    const tags = this.#tags ? tagsOf(this.#tags, req) : NO_TAGS;
    const vary = this.varyOf(req);
    const varied = route.varyBy ? this.#functions.varied(req) : "";
    if (typeof varied !== "string") return { ...varied, tenant };
    const isTenants = scope === "" && vary.length === 0 && tags.length === 0 && varied === "";
    // No part can look like another: those that are any text are written as JSON, and no other part but the
    // last has a line break.
    const view = isTenants ? "\n\n" : `\n${JSON.stringify([scope, vary, tags, varied])}\n`;
    const query = route.query && queryText(route.query(req));
    if (route.query && query === undefined) return { bypass: "query", tenant };
    // No URL has a space in it.
    const url = `${req.baseUrl}${isMountItself(req) ? " " : ""}${req.url}`;
    const asked = query === undefined ? "" : `\n${query}`;
    const contained = content === "" ? "" : `\n\n${content}`;
    const target = rewrittenFrom(req);
    const rewritten = target === "" ? "" : `\n\n\n${target}`;
    const name = `${this.#name}${authority}\n${tenant}${view}${url}${asked}${contained}${rewritten}`;
    const known = this.#http.requests.get(name);
    if (known) return known;
    const resolved = this.#describe(req, {
      tenant,
      scope,
      tags,
      vary,
      varied,
      authority,
      query,
      content,
      target,
    });
    // The lane goes on with the very one that it has learnt.
    if ("ref" in resolved && (this.#http.askedOnce.again(name) || this.#http.passedByLane.has(req)))
      this.#http.requests.set(name, resolved);
    return resolved;
  }

  /** Which headers the cache adds to the answers of this route. */
  get own(): OwnHeaders {
    return this.#own;
  }

  /** The values of the headers that the route varies by. */
  varyOf(req: IncomingMessage): readonly string[] {
    return this.#vary.length === 0 ? NO_VALUES : this.#vary.map((name) => fieldOf(req.headers, name) ?? "");
  }

  /** The tenant's own view is written as an empty scope: a function may not return it by mistake. */
  #scopeOf(req: Request): string | { readonly bypass: BypassReason } {
    const scope = this.#route.scope ?? this.#http.options.scope;
    if (scope === "tenant") return "";
    const value: unknown = scope(req);
    if (typeof value === "string" && value !== "") return value;
    this.#http.misuse.returned.wrongScope(this.#module, value);
    return { bypass: isThenable(value) ? "async-scope" : "scope" };
  }

  #describe(req: Request, described: Described): Resolved {
    const { tags, vary: values, varied, authority, content, target } = described;
    const tenant = ownText(described.tenant);
    const scope = ownText(described.scope);
    // No client sends one (RFC 9112 section 3.2), but Node takes it, and what reads URLs does not agree about it: a
    // guard in front of the cache may see another query than the handler.
    if (req.url.includes("#") || req.originalUrl?.includes("#")) return { bypass: "fragment", tenant };
    // What earlier middleware made of the URL is what the handler answers to; it may answer to what was asked for, too.
    const { params: known, ignoreParams, settleMs, maxStaleness } = this.#route;
    const areVerbatim = hasParserOfItsOwn(req);
    const inUrl = (path: string, all: string) => {
      const rawQuery = withoutIgnored(all, ignoreParams);
      return { path, rawQuery, query: described.query ?? (areVerbatim ? verbatim(rawQuery) : undefined) };
    };
    // Without an Express app around it a request has neither.
    const path = isMountItself(req)
      ? req.baseUrl
      : (req.baseUrl ?? "") + (req.path ?? urlParts(req.url).path);
    const url = inUrl(path, queryOf(req.url));
    if (known && !hasOnly(url.rawQuery, known)) return { bypass: "params", tenant };
    const asked = queryOf(target);
    const askedFor =
      target === "" ? undefined : inUrl(urlParts(target).path, known ? withOnly(asked, known) : asked);
    const vary = this.#vary.map((name, index) => [name, values[index] ?? ""] as const);
    const params = canonicalParams({ authority, ...url, target: askedFor, scope, vary, varied, content });
    if (params === undefined) return { bypass: "too-long", tenant };

    const { options, engine } = this.#http;
    const module = this.#module;
    const hash = hashParams(params, options.hash);
    // One text of its own, which all that remembers the entry has for its key.
    const entryKey = ownText(engine.keys.entry(tenant, module, hash));
    const identity = `${tenant} ${module} ${params}`;
    const tagKeys = tags.length === 0 ? NO_TAGS : tags.map((tag) => engine.keys.tagFence(tenant, tag));
    const fenceKeys = this.#fenceKeysOf(tenant);
    const { figures } = this;
    if (figures) figures.path ??= mountedPath(req);
    // For all scopes the same: whether they get equal answers can be seen.
    const view = scope === "" ? 0 : textHash(JSON.stringify([tenant, authority, url, askedFor, values]));
    const ref = new RequestRef(engine.keys, hash, {
      tenant,
      module,
      entryKey,
      identity,
      fenceKeys: tagKeys.length === 0 ? fenceKeys : [...fenceKeys, ...tagKeys],
      settleMs,
      maxStaleness,
      isLeased: this.#isLeased,
      maxEntries: options.maxEntriesPerModule,
      own: this.#own,
      durations: this.#durations,
      carriesTags: this.#functions.tagsOfAnswers,
      reads: this.#reads,
      figures,
      sample: sampleOf(hash, tenant, module),
      view,
      viewer: scope === "" ? 0 : textHash(scope),
    });
    const texts = [entryKey, identity, scope, ...tagKeys];
    return { ref, scope, characters: texts.reduce((sum, text) => sum + text.length, 0) };
  }

  #fenceKeysOf(tenant: string): readonly string[] {
    const { engine, fenceKeys } = this.#http;
    const name = `${this.#name} ${tenant}`;
    const known = fenceKeys.get(name);
    if (known) return known;
    const keys = fenceKeysOf(engine.keys, { tenant, modules: this.#modules, tags: [] });
    // The last one: see `engine/answer-tags.ts`.
    if (this.#functions.tagsOfAnswers) keys.push(engine.keys.anyTagFence(tenant));
    fenceKeys.set(name, keys);
    return keys;
  }
}

/** What the key of a request is made of, beside its URL. */
interface Described {
  readonly tenant: string;
  readonly scope: string;
  readonly tags: readonly string[];
  /** Values. */
  readonly vary: readonly string[];
  /** What stands for the body of a query; empty where there is none. */
  readonly content: string;
  /** What `varyBy` returned, in canonical form; empty where there is none. */
  readonly varied: string;
  readonly authority: string;
  /** In canonical form; absent where the raw query counts. */
  readonly query: string | undefined;
  /** What the client has asked for; empty where the URL is as it came. */
  readonly target: string;
}

const NO_TAGS: readonly string[] = [];
const NO_VALUES: readonly string[] = [];

/**
 * What a request asks for that is no stored answer, read from its headers alone; `undefined` where it asks
 * for nothing of the kind.
 *
 * @param isContentKnown whether the body is part of the key
 */
export function bypassReason(req: IncomingMessage, isContentKnown = false): BypassReason | undefined {
  const { headers } = req;
  // A part of an entry is never served.
  if (headers.range !== undefined) return "range";
  // They compare with what the handler would change, and may fail with a 412 of its own (RFC 9110 section
  // 13.1).
  if (headers["if-match"] !== undefined || headers["if-unmodified-since"] !== undefined)
    return "precondition";
  // A stream of events has no end to wait for, and nothing of it is stored: its clients say so (HTML,
  // "server-sent events").
  if (headers.accept === "text/event-stream") return "event-stream";
  // It may be part of what the handler answers to.
  return !isContentKnown && hasBody(req) ? "body" : undefined;
}
