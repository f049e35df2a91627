// The options of `cacheList`.
// Tests: test/unit/refusals/http-options.test.ts, test/unit/refusals/ttl.test.ts
import type { Request, Response } from "express";
import * as z from "zod";
import { isModuleName } from "../identifiers.js";
import { type FeedDatabase, isDatabase } from "../queryable.js";
import { configuredTtl, isTtl, MAX_TTL_SECONDS, TTL_SECONDS, ttlAdvice, ttlForm } from "../ttl-seconds.js";
import { type AuthorityRule, authority } from "./authority-option.js";
import { fillOfRoute, type RouteFillOption } from "./fill-option.js";
import { type Freshness, freshness, refuseFreshButStale } from "./freshness-option.js";
import { type OwnHeadersOption, ownHeadersOfRoute } from "./own-headers-option.js";
import { fn, moduleNames, parse, positiveInt, registerCall } from "./parse.js";
import { type Policies, policiesOf, type RouteOptionsAsGiven, withPolicies } from "./policies.js";

/** Whose view a response is: the tenant's, or that of what the function returns (a role, a user). */
export type Scope = "tenant" | ((req: Request) => string);

export type PrivateResponses = "refuse" | "scope";

/** What a handler has answered, for functions that decide by it. */
export interface HandlerAnswer {
  readonly status: number;
  /** Those that the handler set, by their names in lower case; several values of one name are joined. */
  readonly headers: Readonly<Record<string, string>>;
  /** A copy. */
  readonly body: Buffer;
  /** The body as JSON, parsed once. Throws where it is none. */
  readonly json: () => unknown;
}

export interface CacheListOptions {
  /** The name of one of the cache's `policies`, whose options this route has where it says nothing else. */
  readonly policy?: string;
  /**
   * Seconds, or a function that is asked when the handler answers, with the status and headers on the
   * response: `undefined`, or less than a second, has the answer not stored. Parts of a second are cut off.
   * Default {@link TTL_SECONDS}.list.
   */
  readonly ttlSeconds?: number | ((req: Request, res: Response) => number | undefined);
  /**
   * Modules whose data the response also shows: invalidating one of them reaches it. `"auto"`: whatever the handler is seen to read, through
   * pools that `cache.track` was given, of the feed's tables. Default none.
   */
  readonly dependsOn?: readonly string[] | "auto";
  /**
   * What the response is about, beside its modules: `invalidateCache({ tags })` reaches it. A function that
   * names two parameters is asked when the handler has answered, and may look at the answer; at most 256
   * tags then. Of other functions the request is all they get, before it is looked up.
   */
  readonly tags?: (req: Request, answer: HandlerAnswer) => readonly string[];
  /** Requests that bypass the cache. The lane leaves all requests of such a route to the app. */
  readonly skip?: (req: Request) => boolean;
  /** Whether an answer that may be stored is. Default: it is. */
  readonly shouldStore?: (req: Request, answer: HandlerAnswer) => boolean;
  readonly scope?: Scope;
  /**
   * What answers that say `Cache-Control: private` are. `"refuse"`: not stored. `"scope"`: stored for the
   * route's scope, which must be a function that returns the user (RFC 9111 section 3 forbids it to caches
   * that users share); their `max-age` counts. Default: the cache's, `"refuse"`.
   */
  readonly privateResponses?: PrivateResponses;
  /** False: all requests bypass the cache. Default true. */
  readonly enabled?: boolean;
  /** See {@link AuthorityRule}. Default: the cache's. */
  readonly authority?: AuthorityRule;
  /**
   * Further methods that ask and change nothing, beside GET, HEAD and QUERY: `["POST"]` for searches and
   * GraphQL. What POST may change as well needs `skip`: no handler runs on a hit.
   */
  readonly methods?: readonly "POST"[];
  /** Of QUERY and of `methods`: the parsed body (`req.body`) is part of the key. */
  readonly body?: {
    /** Requests with a longer one bypass the cache, bytes of its canonical form. Default 16 KiB. */
    readonly maxBytes?: number;
  };
  /** Request headers the response depends on; they become part of the key. */
  readonly vary?: readonly string[];
  /**
   * What else the response depends on, as plain data: it becomes part of the key. The lane leaves all
   * requests of such a route to the app.
   */
  readonly varyBy?: (req: Request) => Readonly<Record<string, string | number | boolean | undefined>>;
  /** Query parameters the route knows; a request with another one bypasses the cache. Default: all. */
  readonly params?: readonly string[];
  /**
   * Query parameters that no answer depends on, left out of the key: names, or how they begin (`"utm_*"`).
   * Default none.
   */
  readonly ignoreParams?: readonly string[];
  /**
   * The query as the handler understands it, after validation: `(req) => parsed`, plain data. The key is made
   * of it in the place of the query's text, so that a default that is spelled out, `?limit=050` and
   * `?limit=50` are one entry. It must hold all that the handler reads from the query, and is called for each
   * request. Nothing, or what is no plain data: the request bypasses the cache. Default: the text.
   */
  readonly query?: (req: Request) => unknown;
  /** Statuses that are stored. Default `[200]`. */
  readonly statuses?: readonly number[];
  readonly maxBodyBytes?: number;
  /**
   * For handlers that read a lagging replica: a fill that begins sooner than this after a change is not
   * stored. Default 0. With a feed {@link replica} knows instead of guessing.
   */
  readonly settleMs?: number;
  /**
   * The replica that the handler reads: what it has read is stored only where the replica had replayed all that was invalidated. It is asked
   * before the handler runs. All connections of a pool must lead to one server; where they do not, a function returns the connection that
   * this request's handler reads by, and `null` where it reads the primary. Needs a feed whose tables the route shows. Default: the
   * primary is read.
   */
  readonly replica?: FeedDatabase | ReplicaOfRequest;
  /**
   * For how long, after the TTL, an old entry is served while it is refreshed behind the response (RFC 5861),
   * seconds. Never one that a fence has cut off. Needs `light-my-request`. Default 0.
   */
  readonly staleWhileRevalidate?: number;
  /**
   * For how long, after the TTL, an old entry is served where the handler answers 5xx (RFC 5861), seconds.
   * Default 0.
   */
  readonly staleIfError?: number;
  /**
   * Obeys `Cache-Control` of requests (`no-store`, `no-cache`, `max-age`, `min-fresh`, `only-if-cached`).
   * Default false: nobody may make the handler run by asking for it.
   */
  readonly obeyRequest?: boolean;
  /**
   * How long a reading of the fences may be reused, milliseconds: what other processes change may be seen so
   * much later, what this process changes is seen at once. Default 0: every hit is checked.
   */
  readonly maxStaleness?: number;
  /** What runs at once for requests that no entry answers. Default: the cache's `fill`. */
  readonly fill?: RouteFillOption;
  /** See {@link Freshness}; not beside `maxStaleness`. Default: the cache's, and `"strict"` beside `maxStaleness`. */
  readonly freshness?: Freshness;
  /**
   * Which headers the cache adds to this route's answers beside the handler's: `{ etag: false }` for an app
   * that says `etag: false`, `{ cacheControl: false }` for one that sends no `Cache-Control` on purpose.
   * Default: as the cache says, else all.
   */
  readonly headers?: OwnHeadersOption;
}

/** @internal */
export const scope = z.union([z.literal("tenant"), fn<(req: Request) => string>()], {
  error: 'write "tenant", or a function that returns a role or a user, for example (req) => req.auth.role',
});

/** @internal */
export const privateResponses = z.enum(["refuse", "scope"]);

const staleSeconds = z
  .int()
  .min(0)
  .max(MAX_TTL_SECONDS)
  .describe(`a whole number of seconds from 0 to ${MAX_TTL_SECONDS} (30 days)`);

/** Which connection or pool the handler of this request reads by. */
export type ReplicaOfRequest = (req: Request) => FeedDatabase | null | Promise<FeedDatabase | null>;

type RouteTtl = NonNullable<CacheListOptions["ttlSeconds"]>;

/** @internal */
export const routeSchema = z.strictObject({
  policy: z.string().optional(),
  ttlSeconds: z
    .custom<RouteTtl>((value) => isTtl(value) || typeof value === "function", {
      error: ({ input }) => ttlAdvice(input),
      params: { code: "ETC_TTL" },
    })
    .describe(`${ttlForm()}, or a function that returns one`)
    .default(TTL_SECONDS.list),
  dependsOn: z
    .union([moduleNames, z.literal("auto")])
    .describe('an array of module names, or "auto"')
    .default([]),
  tags: fn<NonNullable<CacheListOptions["tags"]>>('(req) => ["account-" + req.params.id]').optional(),
  skip: fn<NonNullable<CacheListOptions["skip"]>>('(req) => req.query.preview === "1"').optional(),
  shouldStore: fn<NonNullable<CacheListOptions["shouldStore"]>>(
    "(req, { status, headers, body }) => body.length > 2",
  ).optional(),
  varyBy: fn<NonNullable<CacheListOptions["varyBy"]>>("(req) => ({ plan: req.auth.plan })").optional(),
  scope: scope.optional(),
  privateResponses: privateResponses.optional(),
  enabled: z.boolean().default(true),
  authority: authority.optional(),
  methods: z
    .array(
      z.literal("POST", {
        error: 'write "POST": GET, HEAD and QUERY are cached as they are, and other methods change something',
      }),
    )
    .default([]),
  body: z.strictObject({ maxBytes: positiveInt.default(16 * 1024) }).prefault({}),
  vary: z
    .array(
      z.string().regex(/^(?!\*$)[!#$%&'*+.^_`|~\w-]+$/, {
        error: 'write the name of a request header, for example "Accept-Language"; nothing matches "*"',
      }),
    )
    .default([]),
  params: z.array(z.string()).optional(),
  ignoreParams: z
    .array(
      z.string().regex(/^[^*]+\*?$/, {
        error: 'write the name of a query parameter, or how it begins: "fbclid", "utm_*"',
      }),
    )
    .default([]),
  query: fn<NonNullable<CacheListOptions["query"]>>("(req) => req.validatedQuery").optional(),
  statuses: z.array(z.int().min(200).max(599)).default([200]),
  maxBodyBytes: positiveInt.optional(),
  settleMs: z.int().min(0).default(0),
  replica: z
    .custom<FeedDatabase | ReplicaOfRequest>((value) => isDatabase(value) || typeof value === "function", {
      error: "write a pool of node-postgres that leads to one replica, or (req) => req.replica",
    })
    .optional(),
  staleWhileRevalidate: staleSeconds.default(0),
  staleIfError: staleSeconds.default(0),
  obeyRequest: z.boolean().default(false),
  fill: fillOfRoute,
  headers: ownHeadersOfRoute,
  maxStaleness: z.number().min(0).max(60_000).describe("a number of milliseconds from 0 to 60000").default(0),
  freshness: freshness.optional(),
});

const policySchema = routeSchema.omit({ policy: true });

/** Calls that take these options. */
export type RouteCall = "cacheList" | "observe";

registerCall("cacheList", 'cacheList("accounts", { ttlSeconds: 180 })', routeSchema);
registerCall("observe", 'observe("accounts", { ttlSeconds: 180 })', routeSchema);

/** @internal */
export type ParsedRouteOptions = z.output<typeof routeSchema>;

/** What a route says that it depends on beside its module. @internal */
export function declaredOf({ dependsOn }: Pick<ParsedRouteOptions, "dependsOn">): readonly string[] {
  return dependsOn === "auto" ? [] : dependsOn;
}

/**
 * Parses what follows the module in `cacheList(module, …)`: seconds, the name of a policy, options, or
 * nothing.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`, `ETC_MODULE_NAME`
 * @internal
 */
export function parseRouteOptions(
  given: unknown,
  policies: Policies = {},
  call: RouteCall = "cacheList",
): ParsedRouteOptions {
  const options = givenAs(given, policies, call);
  // What is no plain object is refused as it came.
  if (Object.prototype.toString.call(options) !== "[object Object]") return parse(call, routeSchema, options);
  const parsed = parse(call, routeSchema, withPolicies(policies, options, call));
  refuseFreshButStale(parsed, call);
  return parsed;
}

/**
 * Seconds and names of policies as options.
 * @throws TenantCacheError `ETC_TTL` for what is neither
 * @internal
 */
export function givenAs(
  given: unknown,
  policies: Policies,
  call: RouteCall = "cacheList",
): RouteOptionsAsGiven {
  if (given === undefined) return {};
  if (typeof given === "object" && given !== null) return given as RouteOptionsAsGiven;
  // A text that is no policy's name may be a time, as in other libraries: then the advice is about that.
  if (typeof given === "string" && (policies[given] || isModuleName(given))) return { policy: given };
  return { ttlSeconds: configuredTtl(given, `${call}: ttlSeconds`) };
}

/**
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`, `ETC_MODULE_NAME`
 * @internal
 */
export function parsePolicies(given: unknown): Policies {
  return policiesOf(given, (call, options) => {
    registerCall(call, `${call}: { ttlSeconds: 3600 }`, policySchema);
    parse(call, policySchema, options);
  });
}
