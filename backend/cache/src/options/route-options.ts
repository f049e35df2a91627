// The options of `cacheList`.
// Tests: test/unit/refusals/http-options.test.ts, test/unit/refusals/ttl.test.ts
import type { Request } from "express";
import * as z from "zod";
import { configuredTtl, isTtl, MAX_TTL_SECONDS, TTL_FORM, TTL_SECONDS, ttlAdvice } from "../ttl-seconds.js";
import { type AuthorityRule, authority } from "./authority-option.js";
import { type OwnHeadersOption, ownHeadersOfRoute } from "./own-headers-option.js";
import { fn, moduleNames, parse, positiveInt, registerCall } from "./parse.js";

/** Whose view a response is: the tenant's, or that of what the function returns (a role, a user). */
export type Scope = "tenant" | ((req: Request) => string);

export interface CacheListOptions {
  /** Default {@link TTL_SECONDS}.list. */
  readonly ttlSeconds?: number;
  /** Modules whose data the response also shows: invalidating one of them reaches it. */
  readonly dependsOn?: readonly string[];
  /** What the response is about, beside its modules: `invalidateCache({ tags })` reaches it. */
  readonly tags?: (req: Request) => readonly string[];
  readonly scope?: Scope;
  /** See {@link AuthorityRule}. Default: the cache's. */
  readonly authority?: AuthorityRule;
  /** Request headers the response depends on; they become part of the key. */
  readonly vary?: readonly string[];
  /** Query parameters the route knows; a request with another one bypasses the cache. Default: all. */
  readonly params?: readonly string[];
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
   * stored. Default 0.
   */
  readonly settleMs?: number;
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

const staleSeconds = z
  .int()
  .min(0)
  .max(MAX_TTL_SECONDS)
  .describe(`a whole number of seconds from 0 to ${MAX_TTL_SECONDS} (30 days)`);

/** @internal */
const routeSchema = z.strictObject({
  ttlSeconds: z
    .custom<number>(isTtl, { error: ({ input }) => ttlAdvice(input), params: { code: "ETC_TTL" } })
    .describe(TTL_FORM)
    .default(TTL_SECONDS.list),
  dependsOn: moduleNames.default([]),
  tags: fn<NonNullable<CacheListOptions["tags"]>>('(req) => ["account-" + req.params.id]').optional(),
  scope: scope.optional(),
  authority: authority.optional(),
  vary: z
    .array(
      z.string().regex(/^(?!\*$)[!#$%&'*+.^_`|~\w-]+$/, {
        error: 'write the name of a request header, for example "Accept-Language"; nothing matches "*"',
      }),
    )
    .default([]),
  params: z.array(z.string()).optional(),
  query: fn<NonNullable<CacheListOptions["query"]>>("(req) => req.validatedQuery").optional(),
  statuses: z.array(z.int().min(200).max(599)).default([200]),
  maxBodyBytes: positiveInt.optional(),
  settleMs: z.int().min(0).default(0),
  staleWhileRevalidate: staleSeconds.default(0),
  staleIfError: staleSeconds.default(0),
  obeyRequest: z.boolean().default(false),
  headers: ownHeadersOfRoute,
  maxStaleness: z.number().min(0).max(60_000).describe("a number of milliseconds from 0 to 60000").default(0),
});

registerCall("cacheList", 'cacheList("accounts", { ttlSeconds: 180 })', routeSchema);

/** @internal */
export type ParsedRouteOptions = z.output<typeof routeSchema>;

/**
 * Parses what follows the module in `cacheList(module, …)`: seconds, options, or nothing.
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`, `ETC_MODULE_NAME`
 * @internal
 */
export function parseRouteOptions(ttl: unknown): ParsedRouteOptions {
  const isOptions = ttl === undefined || (typeof ttl === "object" && ttl !== null);
  const options = isOptions ? (ttl ?? {}) : { ttlSeconds: configuredTtl(ttl, "cacheList: ttlSeconds") };
  return parse("cacheList", routeSchema, options);
}
