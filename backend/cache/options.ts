// The options of `createTenantCache`, of `cacheList` and of `invalidateCache`: parsed once, unknown ones refused.
import type { Request } from "express";
import * as z from "zod";
import type { EncryptionKey } from "./codec/encryption.js";
import { TenantCacheError } from "./errors.js";
import type { LaneMiddleware, LaneOptions } from "./express/lane.js";
import { moduleName, tagName } from "./identifiers.js";
import type { Logger } from "./logger.js";
import type { KeySpace } from "./store/key-space.js";
import type { RedisOption } from "./store/redis/redis-option.js";
import type { Store } from "./store/store.js";
import { TTL_PRESETS, type TtlPresetName } from "./toolkit/ttl-presets.js";

/** TTLs by kind of response, seconds: what a route gets that does not say otherwise is `list`. */
export const TTL_SECONDS = { list: 180, detail: 300, count: 600, settings: 1800 } as const;

const MIB = 1024 * 1024;
export const MAX_TTL_SECONDS = 30 * 86_400;

/** Whose view a response is: the tenant's, or that of what the function returns (a role, a user). */
export type Scope = "tenant" | ((req: Request) => string);

export interface TenantCacheOptions {
  /** URL, ioredis options (also Sentinel), `{ cluster: [...] }`, or an ioredis client. Absent: entries stay in this process. */
  readonly redis?: RedisOption | undefined;
  /** A store of your own instead: made with the names of the keys. It must pass the store contract (`backend/test/contract`). */
  readonly store?: (keys: KeySpace) => Store;
  /** Who owns the response; `undefined`, or an id that is none: the cache is bypassed. */
  readonly tenant: (req: Request) => string | undefined;
  /** Default of all routes: `"tenant"`. */
  readonly scope?: Scope;
  /** In front of every key. Default none. */
  readonly keyPrefix?: string;
  /** Of the canonical request in keys. Default `"md5"`; `"sha256"` where FIPS forbids it. */
  readonly hash?: "md5" | "sha256";
  /** The longest that a request waits for one store operation, milliseconds. Default 50. */
  readonly budgetMs?: number;
  /** Responses with larger bodies are not stored. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Entries of one tenant and module; the one that expires soonest makes room. Default 1,000. */
  readonly maxEntriesPerModule?: number;
  /** The in-process store's bounds. */
  readonly memory?: {
    /** Default 64 MiB. */
    readonly maxBytes?: number;
    /** What one tenant may hold of it, between 0 and 1. Default 0.25. */
    readonly maxTenantShare?: number;
  };
  /**
   * Encrypts entries (AES-256-GCM). The first key seals, all of them open: to rotate, put the new one first and drop the old one when its
   * entries have expired. Default none.
   */
  readonly encryption?: { readonly keys: readonly EncryptionKey[] };
  /** Beside Redis, entries that this process keeps decoded; each hit is still checked against the fences in Redis. */
  readonly local?: {
    /** 0 for none. Default 32 MiB. */
    readonly maxBytes?: number;
    /** What one tenant may hold of it, between 0 and 1. Default 0.25. */
    readonly maxTenantShare?: number;
  };
  /** Concurrent misses of one entry: one handler runs, the others wait for it. */
  readonly fill?: {
    /** How long, milliseconds. Default 5,000. */
    readonly waitMs?: number;
    /** How many. Default 1,000. */
    readonly maxWaiting?: number;
  };
  /** Of `cache.manager`, the toolkit. */
  readonly manager?: {
    /** The TTLs that `cache.manager.ttl` names, out of {@link TTL_PRESETS}. Default `"default"`. */
    readonly preset?: TtlPresetName;
    /** Entries of one tenant and domain (the first part of a key); the one that expires soonest makes room. Default 10,000. */
    readonly maxEntriesPerDomain?: number;
  };
  /** Fences that wait for the store to come back before they collapse into tenants' fences. Default 10,000. */
  readonly maxPendingInvalidations?: number;
  /**
   * Keeps brotli and gzip variants of compressible bodies from 1 KiB, made once behind the first hit that could have used one. Default
   * true.
   */
  readonly compress?: boolean;
  /** Adds `Server-Timing: cache;desc=…;dur=…`: what the cache decided and how long that took. Default false. */
  readonly serverTiming?: boolean;
  /** Default `console`. */
  readonly logger?: Logger;
}

export interface CacheListOptions {
  /** Default {@link TTL_SECONDS}.list. */
  readonly ttlSeconds?: number;
  /** Modules whose data the response also shows: invalidating one of them reaches it. */
  readonly dependsOn?: readonly string[];
  /** What the response is about, beside its modules: `invalidateCache({ tags })` reaches it. */
  readonly tags?: (req: Request) => readonly string[];
  readonly scope?: Scope;
  /** Request headers the response depends on; they become part of the key. */
  readonly vary?: readonly string[];
  /** Query parameters the route knows; a request with another one bypasses the cache. Default: all. */
  readonly params?: readonly string[];
  /** Statuses that are stored. Default `[200]`. */
  readonly statuses?: readonly number[];
  readonly maxBodyBytes?: number;
  /** For handlers that read a lagging replica: a fill that begins sooner than this after a change is not stored. Default 0. */
  readonly settleMs?: number;
  /**
   * For how long, after the TTL, an old entry is served while it is refreshed behind the response (RFC 5861), seconds. Never one that a
   * fence has cut off. Needs `light-my-request`. Default 0.
   */
  readonly staleWhileRevalidate?: number;
  /** For how long, after the TTL, an old entry is served where the handler answers 5xx (RFC 5861), seconds. Default 0. */
  readonly staleIfError?: number;
  /**
   * Obeys `Cache-Control` of requests (`no-store`, `no-cache`, `max-age`, `min-fresh`, `only-if-cached`). Default false: nobody may make the
   * handler run by asking for it.
   */
  readonly obeyRequest?: boolean;
  /**
   * How long a reading of the fences may be reused, milliseconds: what other processes change may be seen so much later, what this
   * process changes is seen at once. Default 0: every hit is checked.
   */
  readonly maxStaleness?: number;
}

export interface InvalidateOptions {
  readonly modules?: readonly string[];
  readonly tags?: (req: Request) => readonly string[];
  /**
   * What happens where the store cannot be reached: `"defer"` (default) answers, and this process serves nothing from the
   * cache until the invalidation has been replayed; `"reject"` answers 503 before the handler runs.
   */
  readonly onUnreachable?: "defer" | "reject";
  /** Also covers a crash between commit and invalidation, at the price of a round trip before the handler. Default false. */
  readonly guard?: boolean;
  /** How long a guarded write may take before it counts as crashed, milliseconds. Default 30,000. */
  readonly guardMs?: number;
}

const fn = <T>() => z.custom<T>((value) => typeof value === "function", { error: "must be a function" });
const scope = z.union([z.literal("tenant"), fn<(req: Request) => string>()]);
const positiveInt = z.int().positive();
const modules = z.array(z.unknown().transform(moduleName));

const encryptionKey = z.strictObject({
  id: z.string().regex(/^[\w-]{1,32}$/, { error: 'must be at most 32 letters, digits, "_" or "-"' }),
  secret: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32, {
    error: "must be a Buffer of 32 bytes, for example Buffer.from(process.env.CACHE_KEY, 'base64')",
  }),
});

const cacheSchema = z.strictObject({
  redis: z.custom<RedisOption>().optional(),
  store: fn<NonNullable<TenantCacheOptions["store"]>>().optional(),
  tenant: fn<TenantCacheOptions["tenant"]>(),
  scope: scope.default("tenant"),
  keyPrefix: z
    .string()
    .regex(/^[\w.:-]*$/, { error: 'may contain letters, digits, "_", ".", ":", "-"' })
    .default(""),
  hash: z.enum(["md5", "sha256"]).default("md5"),
  budgetMs: z.number().positive().max(10_000).default(50),
  maxBodyBytes: positiveInt.default(MIB),
  maxEntriesPerModule: positiveInt.default(1000),
  memory: z
    .strictObject({
      maxBytes: positiveInt.default(64 * MIB),
      maxTenantShare: z.number().positive().max(1).default(0.25),
    })
    .prefault({}),
  encryption: z
    .strictObject({
      keys: z.tuple([encryptionKey], encryptionKey),
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
  fill: z
    .strictObject({ waitMs: positiveInt.default(5000), maxWaiting: positiveInt.default(1000) })
    .prefault({}),
  manager: z
    .strictObject({
      preset: z.enum(Object.keys(TTL_PRESETS) as [TtlPresetName, ...TtlPresetName[]]).default("default"),
      maxEntriesPerDomain: positiveInt.default(10_000),
    })
    .prefault({}),
  maxPendingInvalidations: positiveInt.default(10_000),
  serverTiming: z.boolean().default(false),
  compress: z.boolean().default(true),
  logger: z
    .custom<Logger>((value) => isLogger(value), { error: "must have the methods info, warn and error" })
    .default(console),
});

const routeSchema = z.strictObject({
  ttlSeconds: z.unknown().default(TTL_SECONDS.list).transform(ttlSecondsOf),
  dependsOn: modules.default([]),
  tags: fn<NonNullable<CacheListOptions["tags"]>>().optional(),
  scope: scope.optional(),
  vary: z
    .array(
      z
        .string()
        .regex(/^(?!\*$)[!#$%&'*+.^_`|~\w-]+$/, { error: "must be a header name; nothing matches *" }),
    )
    .default([]),
  params: z.array(z.string()).optional(),
  statuses: z.array(z.int().min(200).max(599)).default([200]),
  maxBodyBytes: positiveInt.optional(),
  settleMs: z.int().min(0).default(0),
  staleWhileRevalidate: z.int().min(0).max(MAX_TTL_SECONDS).default(0),
  staleIfError: z.int().min(0).max(MAX_TTL_SECONDS).default(0),
  obeyRequest: z.boolean().default(false),
  maxStaleness: z.number().min(0).max(60_000).default(0),
});

const invalidateSchema = z.strictObject({
  modules: modules.default([]),
  tags: fn<NonNullable<InvalidateOptions["tags"]>>().optional(),
  onUnreachable: z.enum(["defer", "reject"]).default("defer"),
  guard: z.boolean().default(false),
  guardMs: positiveInt.default(30_000),
});

const laneSchema = z.strictObject({
  identify: fn<LaneOptions["identify"]>(),
  use: z.array(fn<LaneMiddleware>()).default([]),
  maxRequests: positiveInt.default(20_000),
  relearnSeconds: positiveInt.default(60),
});

export type ParsedLaneOptions = z.output<typeof laneSchema>;
export type ParsedCacheOptions = z.output<typeof cacheSchema>;
export type ParsedRouteOptions = z.output<typeof routeSchema>;
export type ParsedInvalidateOptions = z.output<typeof invalidateSchema>;

/** @throws TenantCacheError `ETC_OPTIONS` */
export function parseCacheOptions(options: unknown): ParsedCacheOptions {
  const parsed = parse("createTenantCache", cacheSchema, options);
  if (parsed.store === undefined || parsed.redis === undefined) return parsed;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    "createTenantCache: give either redis or a store of your own, not both",
  );
}

/**
 * Parses what follows the module in `cacheList(module, …)`: seconds, options, or nothing.
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`, `ETC_MODULE_NAME`
 */
export function parseRouteOptions(ttl: unknown): ParsedRouteOptions {
  const options = typeof ttl === "object" ? ttl : { ttlSeconds: ttl };
  return parse("cacheList", routeSchema, options);
}

/**
 * Parses the arguments of `invalidateCache`: module names, or one options object.
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_MODULE_NAME`
 */
export function parseInvalidateArguments(args: readonly unknown[]): ParsedInvalidateOptions {
  const [first] = args;
  const options = args.length === 1 && typeof first === "object" ? first : { modules: args };
  const parsed = parse("invalidateCache", invalidateSchema, options);
  if (parsed.modules.length > 0 || parsed.tags) return parsed;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    'invalidateCache: name at least one module, as in invalidateCache("accounts")',
  );
}

/** @throws TenantCacheError `ETC_OPTIONS` */
export function parseLaneOptions(options: unknown): ParsedLaneOptions {
  return parse("lane", laneSchema, options);
}

/** @throws TenantCacheError `ETC_TAG` */
export function tagsOf(
  tags: ((req: Request) => readonly string[]) | undefined,
  req: Request,
): readonly string[] {
  return tags ? tags(req).map(tagName) : [];
}

/** @throws TenantCacheError `ETC_TTL` */
export function ttlSecondsOf(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_TTL_SECONDS)
    return value;
  const advice =
    typeof value === "number" && value > MAX_TTL_SECONDS
      ? `is in seconds and at most 30 days; for ${value} ms write ${Math.round(value / 1000)}`
      : "is a whole number of seconds, at least 1";
  throw new TenantCacheError("ETC_TTL", `ttl ${JSON.stringify(value)}: a TTL ${advice}`);
}

function isLogger(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["info", "warn", "error"].every((method) => typeof Reflect.get(value, method) === "function");
}

function parse<T>(where: string, schema: z.ZodType<T>, options: unknown): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `${where}: ${z.prettifyError(result.error).replaceAll("\n", " ")}`,
  );
}
