// The options of `createTenantCache`.
import type { Request } from "express";
import * as z from "zod";
import type { EncryptionKey } from "../codec/encryption.js";
import { TenantCacheError } from "../errors.js";
import type { TenantId } from "../identifiers.js";
import type { Logger } from "../logger.js";
import type { LightMyRequest, TelemetryOptions } from "../peers.js";
import type { KeySpace } from "../store/key-space.js";
import type { RedisOption } from "../store/redis/redis-option.js";
import type { Store } from "../store/store.js";
import { TTL_PRESETS, type TtlPresetName } from "../ttl-presets.js";
import { type AdviceOption, adviceOption } from "./advice-option.js";
import { type AuthorityRule, authority } from "./authority-option.js";
import { type CausesOption, causesOption } from "./causes-option.js";
import { type FeedOption, feedOption } from "./feed-option.js";
import { type CacheFillOption, fillOfCache, refuseIdlePlaces } from "./fill-option.js";
import { type Freshness, freshness } from "./freshness-option.js";
import { type MetricsOption, metricsOption, telemetryOption } from "./metrics-option.js";
import { type OwnHeadersOption, ownHeadersOfCache } from "./own-headers-option.js";
import { fn, parse, positiveInt, registerCall } from "./parse.js";
import type { Policies } from "./policies.js";
import {
  type CacheListOptions,
  type PrivateResponses,
  parsePolicies,
  privateResponses,
  type Scope,
  scope,
} from "./route-options.js";
import { bytesOrInfinity, refuseEmptyReservations, sharingOptions } from "./sharing-options.js";

const MIB = 1024 * 1024;

export interface TenantCacheOptions {
  /**
   * URL (text or `URL`), ioredis options that name a server (also Sentinel; `password` may be a function),
   * `{ cluster: [...] }`, or an ioredis client of any major, which must not read from replicas. Absent:
   * entries stay in this process.
   */
  readonly redis?: RedisOption | undefined;
  /**
   * A store of your own instead: made with the names of the keys. It must pass `storeContract` of
   * `express-tenant-cache/testing/store`.
   */
  readonly store?: (keys: KeySpace) => Store;
  /**
   * Who owns the response; `undefined`, or an id that is none: the cache is bypassed. A number is the same
   * tenant as its text: 42 and `"42"`.
   */
  readonly tenant: (req: Request) => TenantId | undefined;
  /** Default of all routes: `"tenant"`. */
  readonly scope?: Scope;
  /**
   * What scheme, host and port of a request, as Express sees them, are to its answer. Default of all routes:
   * `"key"`. Where links are relative, `"ignore"`; else the hosts that the app answers to keep forged ones
   * out: `["api.example.com"]`.
   */
  readonly authority?: AuthorityRule;
  /** Default of all routes that do not say `maxStaleness`: `"strict"`. See {@link Freshness}. */
  readonly freshness?: Freshness;
  /** Default of all routes: `"refuse"`. It concerns those with a scope function alone. */
  readonly privateResponses?: PrivateResponses;
  /**
   * Options that routes have in common, by a name: `cacheList("plans", "reference")`. What `base` says, all
   * routes have. A number is `ttlSeconds`.
   */
  readonly policies?: Readonly<Record<string, Omit<CacheListOptions, "policy"> | number>>;
  /**
   * False: all requests bypass the cache, and nothing is stored. Mutations still invalidate what other
   * processes have stored. Default true.
   */
  readonly enabled?: boolean;
  /** In front of every key: one for each app that shares a Redis. Default none. */
  readonly keyPrefix?: string;
  /**
   * Who sends a request, for the causes of invalidations: a subject's id, of which only a pseudonym is kept. Default:
   * `req.auth.sub`, `req.user.id` or `req.user.sub`.
   */
  readonly actor?: (req: Request) => string | number | undefined;
  /** What the app's log calls a request. Default: `req.id`, or the header `X-Request-Id`. */
  readonly requestId?: (req: Request) => string | number | undefined;
  /** Who has invalidated what is kept for a day, with the fences. Default: it is; false: it is not. */
  readonly causes?: CausesOption;
  /** Of the canonical request in keys. Default `"md5"`; `"sha256"` where FIPS forbids it. */
  readonly hash?: "md5" | "sha256";
  /**
   * The longest that a request waits for the store, milliseconds: three round trips at least, where Redis is
   * far away. Default 50, at most 10,000.
   */
  readonly budgetMs?: number;
  /** Responses with larger bodies are not stored. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Entries of one tenant and module; the one that expires soonest makes room. Default 1,000. */
  readonly maxEntriesPerModule?: number;
  /**
   * What the entries of one tenant may take in the store, bytes; its own entries that expire soonest make
   * room, never another's. All processes should have the same. Default 64 MiB; `Infinity` for no bound.
   */
  readonly maxBytesPerTenant?: number;
  /**
   * What each tenant keeps of the store, however much others store, bytes; the rest is a pool for whoever
   * uses it. In Redis together with {@link maxPooledBytes}. Default 0.
   */
  readonly reservedBytesPerTenant?: number;
  /**
   * What all tenants together may hold beyond their reservations, bytes; where it is more, the tenant that
   * holds most of it makes room. Default none, as `Infinity`: in process all that is not reserved, in Redis as
   * much as the server holds.
   */
  readonly maxPooledBytes?: number;
  /** The in-process store's bounds. */
  readonly memory?: {
    /** Default 64 MiB. */
    readonly maxBytes?: number;
    /** What one tenant may hold of it, between 0 and 1. Default 0.25. */
    readonly maxTenantShare?: number;
  };
  /**
   * Encrypts entries (AES-256-GCM, under a key of each entry's own that is derived from the secret). The
   * first key seals, all of them open: to rotate, put the new one first and drop the old one when its entries
   * have expired. Default none.
   */
  readonly encryption?: { readonly keys: readonly EncryptionKey[] };
  /**
   * Beside Redis, entries that this process keeps decoded; each hit is still checked against the fences in
   * Redis.
   */
  readonly local?: {
    /** 0 for none. Default 32 MiB. */
    readonly maxBytes?: number;
    /** What one tenant may hold of it, between 0 and 1. Default 0.25. */
    readonly maxTenantShare?: number;
  };
  /** Concurrent misses: of one entry one handler runs and the others wait for it; and how many run at once. */
  readonly fill?: CacheFillOption;
  /** What `cache.advice()` is worked out from. */
  readonly advice?: AdviceOption;
  /** Of `cache.manager`, the toolkit. */
  readonly manager?: {
    /** The TTLs that `cache.manager.ttl` names, out of {@link TTL_PRESETS}. Default `"default"`. */
    readonly preset?: TtlPresetName;
    /**
     * Entries of one tenant and domain (the first part of a key); the one that expires soonest makes room.
     * Default 10,000.
     */
    readonly maxEntriesPerDomain?: number;
    /**
     * Values whose encoded form is larger are not compressed, and what was stored compressed and would become
     * larger is refused before it is inflated, bytes. Default 16 MiB.
     */
    readonly maxInflatedBytes?: number;
  };
  /**
   * Fences that wait for the store to come back before they collapse into tenants' fences. Default 10,000.
   */
  readonly maxPendingInvalidations?: number;
  /**
   * Keeps brotli and gzip variants of compressible bodies from 1 KiB, made once behind the first hit that
   * could have used one. Default true.
   */
  readonly compress?: boolean;
  /**
   * Adds `Server-Timing: cache;desc=…;dur=…`: what the cache decided and how long that took. Default false.
   */
  readonly serverTiming?: boolean;
  /** Which headers the cache adds beside the handler's; a route may say otherwise. Default all. */
  readonly headers?: OwnHeadersOption;
  /**
   * The package `light-my-request`, for `staleWhileRevalidate`. Default: the one that is installed. For
   * bundles that lack it.
   */
  readonly inject?: LightMyRequest;
  /** Brings writes that do not pass through the API to the cache: `createFeed` of `express-tenant-cache/feed`. Default none. */
  readonly feed?: FeedOption;
  /** Of `cache.metrics()`, `cache.metricsHandler()` and `telemetry`. */
  readonly metrics?: MetricsOption;
  /**
   * Spans and metrics through `@opentelemetry/api`: true for those of its global providers, or a tracer and a
   * meter of one's own. Default: none, and nothing of it runs.
   */
  readonly telemetry?: boolean | TelemetryOptions;
  /** Default `console`. */
  readonly logger?: Logger;
}

const encryptionKey = z.strictObject({
  id: z.string().regex(/^[\w-]{1,32}$/, { error: 'write at most 32 letters, digits, "_" or "-"' }),
  secret: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32, {
    error: "write a Buffer of 32 bytes, for example Buffer.from(process.env.CACHE_KEY, 'base64')",
  }),
});

/** @internal */
const cacheSchema = z.strictObject({
  redis: z
    .custom<RedisOption>()
    .describe("a URL, ioredis options, { cluster: [{ host, port }] } or an ioredis client")
    .optional(),
  store: fn<NonNullable<TenantCacheOptions["store"]>>("(keys) => new MyStore(keys)").optional(),
  tenant: fn<TenantCacheOptions["tenant"]>("(req) => req.auth?.tenantId"),
  scope: scope.default("tenant"),
  authority: authority.default("key"),
  privateResponses: privateResponses.default("refuse"),
  freshness: freshness.default("strict"),
  policies: z.record(z.string(), z.unknown()).optional(),
  enabled: z.boolean().default(true),
  keyPrefix: z
    .string()
    .regex(/^[\w.:-]*$/, { error: 'write letters, digits, "_", ".", ":", "-", for example "crm:"' })
    .default(""),
  actor: fn<NonNullable<TenantCacheOptions["actor"]>>("(req) => req.auth?.sub").optional(),
  requestId: fn<NonNullable<TenantCacheOptions["requestId"]>>("(req) => req.id").optional(),
  causes: causesOption,
  hash: z.enum(["md5", "sha256"]).default("md5"),
  budgetMs: z.number().min(1).max(10_000).default(50),
  maxBodyBytes: positiveInt.default(MIB),
  maxEntriesPerModule: positiveInt.default(1000),
  maxBytesPerTenant: bytesOrInfinity.default(64 * MIB),
  ...sharingOptions,
  memory: z
    .strictObject({
      maxBytes: positiveInt.default(64 * MIB),
      maxTenantShare: z.number().positive().max(1).default(0.25),
    })
    .prefault({}),
  encryption: z
    .strictObject({
      keys: z
        .tuple([encryptionKey], encryptionKey)
        .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, {
          error: "write a different id for each key: values name the key that they were sealed with",
        }),
    })
    .optional(),
  local: z
    .strictObject({
      maxBytes: z
        .int()
        .min(0)
        .default(32 * MIB),
      maxTenantShare: z.number().positive().max(1).default(0.25),
    })
    .prefault({}),
  fill: fillOfCache,
  advice: adviceOption,
  manager: z
    .strictObject({
      preset: z.enum(Object.keys(TTL_PRESETS) as [TtlPresetName, ...TtlPresetName[]]).default("default"),
      maxEntriesPerDomain: positiveInt.default(10_000),
      maxInflatedBytes: positiveInt.default(16 * MIB),
    })
    .prefault({}),
  maxPendingInvalidations: positiveInt.default(10_000),
  serverTiming: z.boolean().default(false),
  compress: z.boolean().default(true),
  headers: ownHeadersOfCache,
  feed: feedOption,
  metrics: metricsOption,
  telemetry: telemetryOption,
  inject: fn<LightMyRequest>('require("light-my-request")').optional(),
  logger: z
    .custom<Logger>((value) => isLogger(value), {
      error: "write an object with the methods info, warn and error, for example console",
    })
    .default(console),
});

registerCall("createTenantCache", "createTenantCache({ tenant: (req) => req.auth?.tenantId })", cacheSchema);

/** @internal */
export type ParsedCacheOptions = Omit<z.output<typeof cacheSchema>, "policies"> & {
  readonly policies: Policies;
};

/**
 * @throws TenantCacheError `ETC_OPTIONS`
 * @internal
 */
export function parseCacheOptions(options: unknown): ParsedCacheOptions {
  const parsed = parse("createTenantCache", cacheSchema, options);
  refuseEmptyReservations(parsed);
  refuseIdlePlaces("createTenantCache", parsed.fill);
  if (parsed.store === undefined || parsed.redis === undefined)
    return { ...parsed, policies: parsePolicies(parsed.policies) };
  throw new TenantCacheError(
    "ETC_OPTIONS",
    "createTenantCache: redis and store are given: write one of them, redis or a store of your own",
  );
}

function isLogger(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["info", "warn", "error"].every((method) => typeof Reflect.get(value, method) === "function");
}
