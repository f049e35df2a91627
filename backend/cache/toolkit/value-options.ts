// How values are kept: the options of single calls, of namespaces and of collections, parsed once.
import * as z from "zod";
import { parse } from "../options/parse.js";
import { ttlSecondsOf } from "../ttl-seconds.js";

/** Seconds, or a function of the value that returns them; 0 from the function: this value is not kept. */
export type Ttl<T> = number | ((value: T) => number);

export interface SetOptions<T = unknown> {
  /** Default: that of the namespace or collection, else the preset's `SHORT`. */
  readonly ttlSeconds?: Ttl<T>;
  /** Shortens each TTL by a random share of at most this, between 0 and 1, so that what was filled together does not expire together. Default 0. */
  readonly jitter?: number;
}

export interface SetOnceOptions<T = unknown> extends SetOptions<T> {
  /** Stores only where nothing is stored. Default false. */
  readonly nx?: boolean;
}

export interface GetOrSetOptions<T = unknown> extends SetOptions<T> {
  /**
   * For how long, after the TTL, the old value is returned while it is loaded again behind the answer, seconds. Never one that has been
   * deleted. Default 0.
   */
  readonly staleWhileRevalidate?: number;
  /** Keeps "there is none" (the load resolved with `null` or `undefined`) for so long, seconds. Default 0: it is not kept. */
  readonly negativeTtlSeconds?: number;
}

/** How the values of a namespace or a collection are kept. */
export interface ValueOptions<T = unknown> extends GetOrSetOptions<T> {
  /** Values whose encoded form is larger than this, and no larger than `manager.maxInflatedBytes`, are compressed, bytes. Default: none are. */
  readonly compressAboveBytes?: number;
  /** The most that a value may take as it is stored, bytes. Default 1 MiB. */
  readonly maxBytes?: number;
  /** What `set` does with a larger one: reject with `ETC_VALUE_TOO_LARGE` (default), or store nothing and resolve with false. */
  readonly onTooLarge?: "throw" | "skip";
  /** Demands that the cache has the option `encryption`, which encrypts everything in it. Default false. */
  readonly encrypt?: boolean;
  /** Checks, and may transform, what was stored whenever it is read. A value that fails is a miss, removed, and a counted alarm. */
  readonly schema?: ValueSchema<T>;
}

/** Any Standard Schema (zod, valibot, arktype), or an object with zod's `safeParse` or a `parse` that throws. */
export type ValueSchema<T> =
  | {
      readonly "~standard": {
        validate(value: unknown): StandardResult<T> | Promise<StandardResult<T>>;
      };
    }
  | { safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false } }
  | { parse(value: unknown): T };

type StandardResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly unknown[] };

const MIB = 1024 * 1024;
const MAX_SECONDS = 30 * 86_400;

const seconds = z.int().min(0).max(MAX_SECONDS);
const ttl = z.unknown().transform((value) => {
  // What the function returns is checked when it has been called.
  return typeof value === "function" ? (value as (value: unknown) => number) : ttlSecondsOf(value);
});

const valueSchema = z.strictObject({
  ttlSeconds: ttl,
  jitter: z.number().min(0).max(1).default(0),
  nx: z.boolean().default(false),
  staleWhileRevalidate: seconds.default(0),
  negativeTtlSeconds: seconds.default(0),
  compressAboveBytes: z.int().min(0).optional(),
  maxBytes: z.int().positive().default(MIB),
  onTooLarge: z.enum(["throw", "skip"]).default("throw"),
  encrypt: z.boolean().default(false),
  schema: z
    .custom<ValueSchema<unknown>>(isSchema, {
      error: "must be a Standard Schema, or have a method safeParse or parse",
    })
    .optional(),
});

/** Parsed {@link ValueOptions}, with all defaults. */
export type ValueRules = z.output<typeof valueSchema>;

/**
 * Options of one call, over those of the namespace or collection.
 *
 * @param options seconds, options, or nothing
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`
 */
export function parseValueOptions(where: string, options: unknown, defaults: ValueRules): ValueRules {
  if (options === undefined) return defaults;
  if (typeof options !== "object" || options === null)
    return { ...defaults, ttlSeconds: ttlSecondsOf(options) };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return parse(where, valueSchema, { ...defaults, ...Object.fromEntries(given) });
}

/** The rules of a cache whose namespaces and collections say nothing. */
export function defaultRules(ttlSeconds: number): ValueRules {
  return valueSchema.parse({ ttlSeconds });
}

function isSchema(value: unknown): boolean {
  if (typeof value !== "object" && typeof value !== "function") return false;
  if (value === null) return false;
  return (
    "~standard" in value ||
    ["safeParse", "parse"].some((name) => typeof Reflect.get(value, name) === "function")
  );
}
